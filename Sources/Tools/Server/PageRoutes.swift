internal import Hummingbird

/// The page at `/`.
func addPage(to router: Router<ServerContext>) {}
