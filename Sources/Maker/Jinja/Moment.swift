internal import Storage

/// A date and a time of day, for templates that write them.
public struct Moment: Sendable {
    var year: Int
    var month: Int
    var day: Int
    var hour: Int
    var minute: Int
    var second: Int

    public init(year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0) {
        precondition((1...9999).contains(year) && (1...12).contains(month) && (1...31).contains(day), "no such date")
        precondition((0...23).contains(hour) && (0...59).contains(minute) && (0...60).contains(second), "no such time")
        self.year = year
        self.month = month
        self.day = day
        self.hour = hour
        self.minute = minute
        self.second = second
    }

    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]
    private static let days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

    /// 0 for Sunday.
    private var weekday: Int {
        // Sakamoto's method.
        let offsets = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4]
        let shifted = month < 3 ? year - 1 : year
        return (shifted + shifted / 4 - shifted / 100 + shifted / 400 + offsets[month - 1] + day) % 7
    }

    private var dayOfYear: Int {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        return lengths[..<(month - 1)].reduce(day, +)
    }

    /// Python's `strftime` in the C locale.
    func formatted(_ format: Scalars, line: Int) throws(TaperError) -> Scalars {
        func padded(_ value: Int, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
        }
        var out = ""
        var at = 0
        while at < format.count {
            guard format[at] == "%", at + 1 < format.count else {
                out.unicodeScalars.append(format[at])
                at += 1
                continue
            }
            // A minus drops the leading zero, as in the GNU library.
            let isBare = format[at + 1] == "-" && at + 2 < format.count
            let letter = format[at + (isBare ? 2 : 1)]
            at += isBare ? 3 : 2
            func number(_ value: Int, _ width: Int = 2) -> String { isBare ? String(value) : padded(value, width) }
            switch letter {
            case "d": out += number(day)
            case "m": out += number(month)
            case "y": out += number(year % 100)
            case "Y": out += String(year)
            case "H": out += number(hour)
            case "I": out += number((hour + 11) % 12 + 1)
            case "M": out += number(minute)
            case "S": out += number(second)
            case "j": out += number(dayOfYear, 3)
            case "B": out += Moment.months[month - 1]
            case "b", "h": out += Moment.months[month - 1].prefix(3)
            case "A": out += Moment.days[weekday]
            case "a": out += Moment.days[weekday].prefix(3)
            case "p": out += hour < 12 ? "AM" : "PM"
            case "e": out += day < 10 && !isBare ? " " + String(day) : String(day)
            case "F": out += padded(year, 4) + "-" + padded(month, 2) + "-" + padded(day, 2)
            case "T": out += padded(hour, 2) + ":" + padded(minute, 2) + ":" + padded(second, 2)
            case "%": out += "%"
            default: throw unsupported("%" + printable(String(letter)) + " of strftime_now", line: line)
            }
        }
        return Array(out.unicodeScalars)
    }
}
