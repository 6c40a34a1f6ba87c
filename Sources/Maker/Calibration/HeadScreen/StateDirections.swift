import Kernels

/// The directions along which states are largest: leading eigenvectors of their second moment, by subspace iteration.
struct StateDirections {
    /// Vectors of any number, [count][columns].
    private var states: [Float] = []
    private let columns: Int

    init(columns: Int) { self.columns = columns }

    var count: Int { states.count / columns }

    mutating func add(_ state: UnsafeBufferPointer<Float>) { states.append(contentsOf: state) }

    /// Orthonormal, [count][columns]: about the `count` directions of the largest mean squares.
    func leading(_ count: Int, _ pool: ThreadPool, rounds: Int = 12) -> [Float] {
        let count = min(count, columns, self.count)
        guard count > 0 else { return [] }
        // States themselves are a good beginning, and the same for every machine.
        var basis: [[Double]] = (0..<count).map { index in
            let first = index * (self.count / count) * columns
            return states[first..<first + columns].map(Double.init)
        }
        orthonormalize(&basis)
        for _ in 0..<rounds {
            basis = applied(to: basis, pool)
            orthonormalize(&basis)
        }
        return basis.flatMap { $0.map(Float.init) }
    }

    /// The second moment times each vector.
    private func applied(to basis: [[Double]], _ pool: ThreadPool) -> [[Double]] {
        var result = basis
        result.withUnsafeMutableBufferPointer { result in
            let result = result
            pool.run(basis.count) { index in
                let vector = basis[index].map(Float.init)
                var next = [Float](repeating: 0, count: columns)
                states.withUnsafeBufferPointer { states in
                    vector.withUnsafeBufferPointer { vector in
                        guard let states = states.baseAddress, let vector = vector.baseAddress else { return }
                        for state in 0..<count {
                            let own = states + state * columns
                            let product = HeadScreen.dot(own, vector, columns)
                            for column in 0..<columns { next[column] += product * own[column] }
                        }
                    }
                }
                result[index] = next.map(Double.init)
            }
        }
        return result
    }

    /// Root mean squares of the states along orthonormal directions.
    func units(of basis: [Float]) -> [Float] {
        stride(from: 0, to: basis.count, by: columns).map { start in
            var sum = 0.0
            for first in stride(from: 0, to: states.count, by: columns) {
                var product = 0.0
                for column in 0..<columns { product += Double(states[first + column]) * Double(basis[start + column]) }
                sum += product * product
            }
            // A direction that no state has counts for nothing.
            let unit = Float((sum / Double(max(1, count))).squareRoot())
            return unit > 0 ? unit : 1
        }
    }

    /// Root mean square of the states' lengths outside a basis.
    /// - Parameter units: along it.
    func rest(beside units: [Float]) -> Float {
        let all = states.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(max(1, count))
        let along = units.reduce(0.0) { $0 + Double($1) * Double($1) }
        return Float(max(0, all - along).squareRoot())
    }

    /// States outside a basis, at unit length, spread over all there are: [at most `limit`][columns].
    func outside(_ basis: [Float], limit: Int) -> [Float] {
        var result: [Float] = []
        let count = min(limit, self.count)
        for index in 0..<count {
            let first = index * self.count / count * columns
            var state = states[first..<first + columns].map(Double.init)
            for start in stride(from: 0, to: basis.count, by: columns) {
                var product = 0.0
                for column in 0..<columns { product += state[column] * Double(basis[start + column]) }
                for column in 0..<columns { state[column] -= product * Double(basis[start + column]) }
            }
            let length = norm(state)
            if length > 0 { result += state.map { Float($0 / length) } }
        }
        return result
    }

    /// Gram and Schmidt, twice; a vector that depends on those before becomes zero.
    private func orthonormalize(_ basis: inout [[Double]]) {
        for index in basis.indices {
            let before = norm(basis[index])
            for _ in 0..<2 {
                for other in 0..<index {
                    var product = 0.0
                    for column in 0..<columns { product += basis[index][column] * basis[other][column] }
                    for column in 0..<columns { basis[index][column] -= product * basis[other][column] }
                }
            }
            let length = norm(basis[index])
            let scale = length > before * 1e-9 ? 1 / length : 0
            for column in 0..<columns { basis[index][column] *= scale }
        }
    }

    private func norm(_ vector: [Double]) -> Double { vector.reduce(0) { $0 + $1 * $1 }.squareRoot() }
}
