import Simulation
import Testing

@Suite struct EventQueueTests {
    @Test func eventsComeInOrderOfTime() {
        var queue = EventQueue<String>()
        for (name, time) in [("c", 30), ("a", 10), ("d", 40), ("b", 20)] { queue.add(name, at: time) }
        var order = ""
        while let entry = queue.next() { order += entry.event }
        #expect(order == "abcd")
    }

    @Test func eventsOfOneTimeComeAsTheyWereAdded() {
        var queue = EventQueue<Int>()
        for number in 0..<5 { queue.add(number, at: 7) }
        queue.add(9, at: 3)
        var order: [Int] = []
        while let entry = queue.next() { order.append(entry.event) }
        #expect(order == [9, 0, 1, 2, 3, 4])
    }

    @Test func timesMoveTogether() {
        var (queue, later) = (EventQueue<Int>(), EventQueue<Int>())
        for (number, time) in [(1, 5), (2, 8)] {
            queue.add(number, at: time)
            later.add(number, at: time + 100)
        }
        #expect(queue != later && later.relative(to: 100) == queue)
        later.shift(by: -100)
        #expect(later == queue)
        let first = later.next()
        #expect(first?.time == 5)
    }
}
