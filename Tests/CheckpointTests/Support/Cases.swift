import Foundation

/// Small files on which results were wrong, `Tests/Cases`; each test says where its expected values come from.
enum Cases {
    static func path(_ name: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path + "/Cases/" + name
    }
}
