/// Version of Taper, as every program prints it and bundles record it.
public let taperVersion = "0.1.0"
