// swift-tools-version: 6.2
import PackageDescription

// TAPER_URL and TAPER_VERSION take Taper from a repository instead of the folder above.
let taper: Package.Dependency =
    if let url = Context.environment["TAPER_URL"] {
        .package(url: url, exact: Version(stringLiteral: Context.environment["TAPER_VERSION"] ?? "0.1.0"))
    } else {
        .package(name: "taper", path: "..")
    }

func example(_ name: String, _ products: [String]) -> Target {
    .executableTarget(name: name, dependencies: products.map { .product(name: $0, package: "taper") })
}

let package = Package(
    name: "examples", dependencies: [taper],
    targets: [
        example("Ask", ["TaperRuntime"]),
        example("Talk", ["TaperRuntime"]),
        example("Schedules", ["TaperRuntime"]),
        example("Convert", ["TaperRuntime", "TaperConvert"]),
    ])
