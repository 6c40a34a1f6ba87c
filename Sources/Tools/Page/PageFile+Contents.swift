extension PageFile {
    /// What `/page/NAME` gives, by name. SwiftPM writes `PackageResources` from the folder `Files`; a test compares the two.
    static let contents: [String: [UInt8]] = [
        "announce.js": PackageResources.announce_js,
        "answer.js": PackageResources.answer_js,
        "api.js": PackageResources.api_js,
        "app.js": PackageResources.app_js,
        "bits.js": PackageResources.bits_js,
        "bundle.js": PackageResources.bundle_js,
        "chat.js": PackageResources.chat_js,
        "compare.js": PackageResources.compare_js,
        "dom.js": PackageResources.dom_js,
        "events.js": PackageResources.events_js,
        "evidence.js": PackageResources.evidence_js,
        "facts.js": PackageResources.facts_js,
        "failure.js": PackageResources.failure_js,
        "format.js": PackageResources.format_js,
        "icon.svg": PackageResources.icon_svg,
        "key.js": PackageResources.key_js,
        "live.js": PackageResources.live_js,
        "plan.js": PackageResources.plan_js,
        "plot.js": PackageResources.plot_js,
        "settings.js": PackageResources.settings_js,
        "start.js": PackageResources.start_js,
        "style.css": styles,
        "table.js": PackageResources.table_js,
        "turn.js": PackageResources.turn_js,
        "words.js": PackageResources.words_js,
    ]

    /// All styles as one file: nothing is painted before the last of them is there.
    private static let styles =
        PackageResources.base_css + PackageResources.layout_css + PackageResources.bits_css + PackageResources.views_css
}
