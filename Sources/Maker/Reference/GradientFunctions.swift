internal import CGradient
import Kernels

/// The C functions of the backward pass for the instruction set of a pool.
func gradientFunctions(_ pool: ThreadPool) -> cg_table_t {
    guard let table = cg_table(pool.instructionSet.rawValue) else {
        preconditionFailure("the pool's instruction set is not available")
    }
    return table.pointee
}
