internal import CQuantization
import Kernels

/// The C functions of joint optimisation for the instruction set of a pool.
func jointFunctions(_ pool: ThreadPool) -> cq_table_t {
    guard let table = cq_table(pool.instructionSet.rawValue) else {
        preconditionFailure("the pool's instruction set is not available")
    }
    return table.pointee
}
