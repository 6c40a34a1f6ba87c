print("taper-run")
