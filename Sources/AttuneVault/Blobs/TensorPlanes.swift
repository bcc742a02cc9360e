// Attune
// SPDX-License-Identifier: Apache-2.0

/// Floating-point numbers as planes: the exponent bytes first, then sign and mantissa from the highest byte down.
enum TensorPlanes {
    /// One plane of numbers of 2 (bfloat16) or 4 bytes (float32).
    static func plane(_ plane: Int, of bytes: UnsafeRawBufferPointer, width: Int) -> [UInt8] {
        let count = bytes.count / width
        return [UInt8](unsafeUninitializedCapacity: count) { out, initialized in
            guard let out = out.baseAddress, let source = bytes.baseAddress else { return }
            let top = source + (width - 1)
            let next = source + (width - 2)
            switch plane {
            case 0:
                for index in 0..<count {
                    let high = top.load(fromByteOffset: index * width, as: UInt8.self)
                    let low = next.load(fromByteOffset: index * width, as: UInt8.self)
                    out[index] = high << 1 | low >> 7
                }
            case 1:
                for index in 0..<count {
                    let high = top.load(fromByteOffset: index * width, as: UInt8.self)
                    let low = next.load(fromByteOffset: index * width, as: UInt8.self)
                    out[index] = high & 0x80 | low & 0x7F
                }
            default:
                let byte = source + (width - 1 - plane)
                for index in 0..<count { out[index] = byte.load(fromByteOffset: index * width, as: UInt8.self) }
            }
            initialized = count
        }
    }

    /// Puts one plane, or a raw run (`width` 1), where its bits belong; planes are placed in order, from 0.
    static func place(
        _ bytes: UnsafeRawBufferPointer, plane: Int, width: Int, in target: UnsafeMutableRawBufferPointer
    ) {
        guard let source = bytes.baseAddress, let base = target.baseAddress else { return }
        guard width > 1 else { return target.copyMemory(from: bytes) }
        let top = base + (width - 1)
        let next = base + (width - 2)
        switch plane {
        case 0:
            for index in 0..<bytes.count {
                let exponent = source.load(fromByteOffset: index, as: UInt8.self)
                top.storeBytes(of: exponent >> 1, toByteOffset: index * width, as: UInt8.self)
                next.storeBytes(of: exponent << 7, toByteOffset: index * width, as: UInt8.self)
            }
        case 1:
            for index in 0..<bytes.count {
                let byte = source.load(fromByteOffset: index, as: UInt8.self)
                let high = top.load(fromByteOffset: index * width, as: UInt8.self)
                let low = next.load(fromByteOffset: index * width, as: UInt8.self)
                top.storeBytes(of: high | byte & 0x80, toByteOffset: index * width, as: UInt8.self)
                next.storeBytes(of: low | byte & 0x7F, toByteOffset: index * width, as: UInt8.self)
            }
        default:
            let place = base + (width - 1 - plane)
            for index in 0..<bytes.count {
                place.storeBytes(
                    of: source.load(fromByteOffset: index, as: UInt8.self), toByteOffset: index * width, as: UInt8.self)
            }
        }
    }
}
