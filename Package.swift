// swift-tools-version: 6.2
import PackageDescription

// TAPER_EMBEDDED=1 builds only the runner and what it stands on, as Embedded Swift (see `make runner`).
let embedded = Context.environment["TAPER_EMBEDDED"] == "1"

let common: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]
let runnerSettings: [SwiftSetting] =
    embedded
    ? common + [.enableExperimentalFeature("Embedded"), .unsafeFlags(["-wmo", "-Osize"])]
    : common

/// Folders of Sources say who a module is for: Runner (what runs on the device), Maker (what makes a bundle), Judge (what
/// measures it), Library (what other packages import), Tools (programs of the workstation), C (what Swift modules call).
func folder(_ level: String, _ name: String) -> String { "Sources/" + level + "/" + name }
func cTarget(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    // Bit-exact twins need the compiler to keep multiplications and additions apart. From tools version 6.2 on, packages that
    // depend on this one by a version may have such flags too (`make test-examples`).
    .target(
        name: name, dependencies: dependencies, path: folder("C", name),
        cSettings: [.unsafeFlags(["-O2", "-ffp-contract=off", "-fno-math-errno", "-Wno-psabi"])],
        linkerSettings: [.linkedLibrary("m")])
}
func runnerTarget(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, path: folder("Runner", name), swiftSettings: runnerSettings)
}
func makerTarget(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, path: folder("Maker", name), swiftSettings: common)
}
func judgeTarget(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, path: folder("Judge", name), swiftSettings: common)
}
func libraryTarget(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, path: folder("Library", name), swiftSettings: common)
}
func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(name: name + "Tests", dependencies: dependencies, exclude: exclude, swiftSettings: common)
}

var targets: [Target] = [
    .systemLibrary(name: "CZstd", path: folder("C", "CZstd"), providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CJSON", path: folder("C", "CJSON"), providers: [.apt(["libjson-c-dev"])]),
    cTarget("CPlatform"),
    cTarget("CKernels"),
    runnerTarget("Storage", ["CPlatform", "CZstd", "CJSON"]),
    runnerTarget("Model", ["Storage"]),
    runnerTarget("Kernels", ["CKernels", "CPlatform", "Storage"]),
    runnerTarget("Bundle", ["Kernels", "Model", "Storage"]),
    runnerTarget("Text", ["Storage"]),
    runnerTarget("Decoding", ["Kernels", "Model", "Storage"]),
    runnerTarget("Runtime", ["Decoding", "Bundle", "Kernels", "Model", "Storage"]),
    runnerTarget("Chat", ["Runtime", "Bundle", "Text", "Model", "Storage"]),
    .executableTarget(
        name: "taper-run",
        dependencies: [
            "Chat", "Runtime", "Decoding", "Bundle", "Text", "Kernels", "Model", "Storage", "CPlatform",
        ],
        path: folder("Runner", "taper-run"), swiftSettings: runnerSettings),
]
var products: [Product] = [.executable(name: "taper-run", targets: ["taper-run"])]
var dependencies: [Package.Dependency] = []

if !embedded {
    dependencies = [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        // HTTP of `taper serve`. Only the module Server stands on these: who imports a library does not build them.
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.0", traits: []),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0", traits: []),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.14.0"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-extras.git", from: "1.34.1"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.0.0"),
    ]
    products += [
        .executable(name: "taper", targets: ["taper"]),
        .library(name: "TaperRuntime", targets: ["TaperRuntime"]),
        .library(name: "TaperConvert", targets: ["TaperConvert"]),
    ]
    targets += [
        // Loads libopenblas at run time.
        cTarget("COpenBLAS"),
        // Loads libdnnl at run time.
        cTarget("COneDNN"),
        makerTarget("Jinja", ["Storage"]),
        makerTarget("Checkpoint", ["Jinja", "Storage", "Model", "Text"]),
        cTarget("CGradient", ["CKernels"]),
        makerTarget(
            "Reference", ["Checkpoint", "Decoding", "Kernels", "Model", "Storage", "COpenBLAS", "COneDNN", "CGradient"]),
        cTarget("CQuantization", ["CKernels"]),
        makerTarget(
            "Quantization", ["CQuantization", "Checkpoint", "Reference", "Bundle", "Kernels", "Model", "Storage"]),
        judgeTarget("Scoring", ["Reference", "Checkpoint", "Kernels", "Storage"]),
        // Runs what models write, confined; only the workstation's programs link it.
        cTarget("CSandbox"),
        judgeTarget(
            "Evaluation",
            [
                "CSandbox", "Scoring", "Kernels", "Chat", "Decoding", "Runtime", "Reference", "Bundle", "Text",
                "Checkpoint",
                "Model", "Storage",
            ]),
        makerTarget(
            "Calibration",
            [
                "Kernels", "Evaluation", "Scoring", "Runtime", "Decoding", "Reference", "Bundle", "Text", "Checkpoint",
                "Model",
                "Storage",
            ]),
        makerTarget(
            "Pipeline",
            [
                "Calibration", "Evaluation", "Scoring", "Quantization", "Reference", "Checkpoint", "Chat", "Runtime",
                "Bundle",
                "Text",
                "Kernels", "Model", "Storage",
            ]),
        judgeTarget(
            "Experiments",
            [
                "Pipeline", "Calibration", "Evaluation", "Scoring", "Reference", "Checkpoint", "Runtime", "Bundle",
                "Text", "Kernels", "Model", "Storage",
            ]),
        judgeTarget("Simulation", ["Evaluation", "Runtime", "Bundle", "Model", "Storage"]),
        libraryTarget(
            "TaperRuntime", ["Chat", "Runtime", "Decoding", "Bundle", "Text", "Kernels", "Model", "Storage"]),
        libraryTarget(
            "TaperConvert",
            [
                "TaperRuntime", "Pipeline", "Calibration", "Evaluation", "Scoring", "Bundle", "Model", "Storage",
            ]),
        // In the program as bytes, in a module of its own: they take seconds to compile, and only when the page changes.
        .target(
            name: "Page", dependencies: ["Storage"], path: folder("Tools", "Page"), resources: [.embedInCode("Files")],
            swiftSettings: common),
        .target(
            name: "Server",
            dependencies: [
                "Page", "TaperConvert", "TaperRuntime", "Bundle", "Storage",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            path: folder("Tools", "Server"), resources: [.embedInCode("openapi.json")], swiftSettings: common),
        .executableTarget(
            name: "taper",
            dependencies: [
                "Server", "Simulation", "Experiments", "Scoring", "Pipeline", "Calibration", "Evaluation",
                "Quantization",
                "Reference",
                "Checkpoint", "Chat", "Decoding", "Runtime", "Bundle",
                "Text", "Kernels", "Model", "Storage",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: folder("Tools", "taper"), swiftSettings: common),
        // Readers as functions of bytes: fuzzers feed them (`make fuzz`), and a test with what fuzzers once found.
        .target(
            name: "FuzzTargets",
            dependencies: [
                "Server", "Simulation", "Pipeline", "Evaluation", "Checkpoint", "Jinja", "Runtime", "Bundle", "Text",
                "Kernels", "Model", "Storage",
            ],
            path: "Tests/Fuzz/Targets", swiftSettings: common),
        tests("Fuzz", ["FuzzTargets"]),
        tests("Storage", ["Storage"], exclude: ["Fixtures", "make_json_corpus.py"]),
        tests("Model", ["Model", "Storage"]),
        tests("Kernels", ["Kernels", "Storage"]),
        tests("Bundle", ["Bundle", "Kernels", "Model", "Storage"]),
        tests("Text", ["Text", "Storage"], exclude: ["Fixtures"]),
        tests("Jinja", ["Jinja", "Storage"], exclude: ["Fixtures", "make_templates_golden.py"]),
        tests("Decoding", ["Decoding", "Model", "Storage"]),
        tests("Chat", ["Chat", "Runtime", "Model", "Storage"]),
        tests("Runtime", ["Chat", "Decoding", "Runtime", "Bundle", "Text", "Kernels", "Model", "Storage"]),
        // Fixtures are found by the test files' own path, so they are no resources.
        tests(
            "Checkpoint", ["Checkpoint", "Text", "Model", "Storage"],
            exclude: ["Fixtures", "make_blocks_golden.py", "make_family_gguf.py"]),
        tests("Reference", ["Reference", "COneDNN", "Checkpoint", "Decoding", "Text", "Kernels", "Model", "Storage"]),
        tests("Quantization", ["Quantization", "Reference", "Checkpoint", "Bundle", "Kernels", "Model", "Storage"]),
        tests(
            "Scoring", ["Scoring", "Reference", "Checkpoint", "Kernels", "Storage"],
            exclude: ["Fixtures", "make_bertscore_golden.py", "make_bleu_golden.py", "make_rouge_golden.py"]),
        tests(
            "Evaluation",
            [
                "Evaluation", "Scoring", "Runtime", "Reference", "Bundle", "Text", "Checkpoint", "Kernels", "Model",
                "Storage",
            ]),
        tests(
            "Calibration",
            [
                "Calibration", "Evaluation", "Scoring", "Runtime", "Reference", "Bundle", "Text", "Checkpoint",
                "Kernels", "Model", "Storage",
            ]),
        tests("TaperRuntime", ["TaperRuntime", "TaperConvert"]),
        tests("TaperConvert", ["TaperConvert", "TaperRuntime", "Pipeline", "Scoring"]),
        tests("Page", ["Page"]),
        tests(
            "Server",
            [
                "Server", "Page", "TaperConvert", "TaperRuntime", "Storage",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
            ]),
        tests(
            "Simulation",
            ["Simulation", "Decoding", "Runtime", "Bundle", "Kernels", "Model", "Storage"],
            exclude: ["Fixtures", "make_scalesim_golden.py"]),
        tests("Experiments", ["Experiments", "Evaluation", "Scoring", "Model", "Runtime", "Storage"]),
        tests(
            "Pipeline",
            [
                "Simulation", "Experiments", "Scoring", "Pipeline", "Calibration", "Evaluation", "Quantization",
                "Reference", "Checkpoint", "Chat", "Decoding", "Runtime", "Bundle", "Text", "Kernels", "Model",
                "Storage",
            ]),
    ]
}

// TAPER_FUZZ_BUILD=1 adds the fuzzer, whose `main` is libFuzzer's: it links with the sanitizer alone (see `make fuzz`).
if Context.environment["TAPER_FUZZ_BUILD"] == "1" {
    products.append(.executable(name: "taper-fuzz", targets: ["taper-fuzz"]))
    targets.append(
        .executableTarget(
            name: "taper-fuzz", dependencies: ["FuzzTargets"], path: "Tests/Fuzz/Driver",
            swiftSettings: common + [.unsafeFlags(["-parse-as-library"])]))
}

// TAPER_TESTS="Storage Text" leaves the tests of these modules and what they stand on: builds with counters or sanitizers are apart
// from the usual one, and need not build what they do not run (`make coverage`, `make test-threads`).
if let wanted = Context.environment["TAPER_TESTS"] {
    var names = Set(wanted.split(separator: " ").map { "\($0)Tests" })
    var count = 0
    while names.count > count {
        count = names.count
        for target in targets where names.contains(target.name) {
            for case .byNameItem(let name, _) in target.dependencies { names.insert(name) }
        }
    }
    targets.removeAll { !names.contains($0.name) }
    products = []
}

let package = Package(name: "taper", products: products, dependencies: dependencies, targets: targets)
