internal import COpenBLAS
import Kernels

/// What the last bits of the float model's results depend on besides its inputs.
public enum FloatArithmetic {
    /// OpenBLAS with its version and the kernels it chose, and the processor's best instruction set.
    public static var name: String {
        guard ob_load() == 0, let text = ob_describe() else { return "no OpenBLAS, " + InstructionSet.best.name }
        return String(cString: text) + ", " + InstructionSet.best.name
    }
}
