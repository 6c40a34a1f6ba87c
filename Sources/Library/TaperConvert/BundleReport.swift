package import Bundle
internal import Evaluation
internal import Model
internal import Storage
public import TaperRuntime

/// What a bundle holds and how good it is, as it was measured when it was made.
public struct BundleReport: Sendable {
    /// A precision, and what decoding with it costs and gives.
    public struct Row: Sendable {
        public let precision: TaperRuntime.Precision
        /// Bytes of weights that a token reads.
        public let bytesPerToken: Int
        /// nil, as the others below, where it was not measured.
        public let perplexity: Double?
        /// Perplexity over that of full precision.
        public let overFull: Double?
        /// KL divergence from full precision in nats: the mean, and what 99% of the tokens do not exceed.
        public let meanDivergence: Double?
        public let divergence99: Double?
        /// Share of tokens whose likeliest successor is that of full precision.
        public let topAgreement: Double?
    }

    public let path: String
    public let byteCount: Int
    public let family: String
    public let weightCount: Int
    /// Ascending.
    public let rows: [Row]
    /// Of full precision, on the same text.
    public let fullPerplexity: Double?
    /// Name of the text.
    public let qualityText: String?
    public let schedules: [StoredSchedule]
    /// Names of the texts that it was made with.
    public let texts: [String]

    /// - Throws: `notFound`, `invalidData` or `unsupported` where there is no bundle that can be read.
    public init(path: String) throws(TaperRuntime.TaperError) {
        self = try translated { () throws(ModuleError) in try BundleReport(try Bundle(path: path)) }
    }

    package init(_ bundle: Bundle) throws(ModuleError) {
        let quality = try bundle.quality()
        path = bundle.path
        byteCount = bundle.byteCount
        family = bundle.manifest.model.family
        weightCount = bundle.manifest.model.tensorRequirements().reduce(0) { $0 + $1.shape.reduce(1, *) }
        rows = try bundle.servedPrecisions().map { bits throws(ModuleError) in
            let row = quality?.row(bits)
            return Row(
                precision: TaperRuntime.Precision(bits), bytesPerToken: try bundle.bytesPerToken(bits: bits),
                perplexity: row?.perplexity, overFull: quality?.overFull(row), meanDivergence: row?.meanDivergence,
                divergence99: row?.divergence99,
                topAgreement: row?.topAgreement)
        }
        fullPerplexity = quality?.fullPerplexity
        qualityText = quality?.text
        schedules = try bundle.schedules().map { StoredSchedule($0) }
        texts = try CalibrationTexts(bundle).sources.map(\.name)
    }

    /// Compares every block with its checksum: a line for every problem, none for a sound bundle. Reads the whole file.
    /// - Throws: `notFound`, `invalidData` or `unsupported` where the file cannot even be opened as a bundle.
    public static func problems(ofBundle path: String) throws(TaperRuntime.TaperError) -> [String] {
        try translated { () throws(ModuleError) in try Bundle(path: path).verify().problems }
    }
}
