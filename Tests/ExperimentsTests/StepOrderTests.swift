import Experiments
import Model
import Testing

@Suite struct StepOrderTests {
    private let falling: [Precision] = [4, 4, 4, 4, 3, 3, 2, 2, 2, 2]

    private func steps(_ order: StepOrder, _ count: Int) -> [Precision] {
        (0..<count).compactMap { order.bits(atStep: $0) }
    }

    @Test func reversedOrdersRise() {
        let order = StepOrder(reversing: falling)
        #expect(steps(order, 10) == [2, 2, 2, 2, 3, 3, 4, 4, 4, 4])
        // Longer answers stay where they are.
        #expect(steps(order, 13).suffix(3) == [4, 4, 4])
        #expect(StepOrder(reversing: []).bits(atStep: 0) == nil)
    }

    @Test func dealsHaveTheSameBits() {
        var orders: Set<[Precision]> = []
        for deal in 0..<20 {
            let order = StepOrder(dealing: falling, example: 3, sample: 1, deal: deal)
            #expect(steps(order, 10).sorted() == falling.sorted())
            #expect(steps(order, 10) == steps(StepOrder(dealing: falling, example: 3, sample: 1, deal: deal), 10))
            orders.insert(steps(order, 10))
        }
        #expect(orders.count > 15)
        #expect(
            steps(StepOrder(dealing: falling, example: 4, sample: 1, deal: 0), 10)
                != steps(StepOrder(dealing: falling, example: 3, sample: 2, deal: 0), 10))
    }

    /// Every place has the shares of the whole, and so has what comes behind the end.
    @Test func dealsAreFair() {
        for step in [0, 4, 9, 10, 57] {
            var high = 0
            for example in 0..<4000 {
                let order = StepOrder(dealing: falling, example: example, sample: 0, deal: 0)
                if order.bits(atStep: step) == 4 { high += 1 }
            }
            // Four of ten; the standard error is 31.
            #expect(abs(high - 1600) < 125, "step \(step): \(high)")
        }
    }
}
