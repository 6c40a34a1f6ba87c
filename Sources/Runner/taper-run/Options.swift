import Chat
import Decoding
import Model
import Runtime
import Storage

/// Everything the command line can ask for.
struct Options {
    var modelPath = ""
    var prompt: String?
    var promptFile: String?
    var escapes = false
    var systemPrompt: String?
    var conversation = false
    /// The prompt goes to the model as it is, not as a message of the bundle's chat template.
    var rawPrompt = false
    /// -1: until the end of sequence or the end of the context.
    var maxNewTokens = -1
    /// nil: the smaller of the model's and 4096; 0: the model's.
    var contextLength: Int?
    var threads: Int?
    var sampling = SamplerSettings()
    var seedFromClock = false
    var ignoreEndOfSequence = false
    var reversePrompts: [String] = []
    var lockMemory = false
    var readsWholeFile = false
    /// `--bits`, `--switch` or `--schedule`, which exclude each other.
    var scheduling: ScheduleRequest = .unnamed
    /// The flag that `scheduling` came by.
    var schedulingFlag = "--schedule"
    var prefillBits: Precision?
    /// Whether steps are drafted ahead, and at which precision; nil: the usual one.
    var speculates = false
    var draftBits: Precision?
    var showBits = false
    /// Give back the pages of planes that a step down leaves unread.
    var trim = false
    /// What precision follows while it decodes; nil: none.
    var memoryLimit: MemoryLimit?
    /// Take the highest precision that fits.
    var fits = false
    /// Of keys and values.
    var cacheBits = 16
    var readsWholeHead = false
    /// Cut what does not fit the context, oldest first.
    var dropOldest = false
    var json = false
    var quiet = false
    var verbose = false
    /// What was asked for but has no effect.
    var warning: String?
    var help = false
    /// Nothing but comparing the whole file.
    var verifies = false
    var verification = Verification.lazy
    /// Give up what a run does not need once the bundle is loaded.
    var sandbox = true
    var version = false
}
