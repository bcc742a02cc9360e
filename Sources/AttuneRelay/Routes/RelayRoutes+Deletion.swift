// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import HTTPTypes
import Hummingbird

/// The deletion of a circle: two sign it, and for 30 days one takes it back.
extension RelayRoutes {
    @Sendable func deleteCircle(_ request: Request, _ context: RelayContext) async throws -> Response {
        let (circle, caller, body) = try await call(request, context, access: .deleted)
        if !caller.device.isPaper {
            try checkSecondSignature(body, request, by: caller, chain: try await service.chain(of: caller, context))
        }
        let until = try await service.store.deleteCircle(circle)
        var response = Bodies.empty(.accepted)
        if let name = HTTPField.Name("Attune-Deleted-Until") { response.headers[name] = String(until) }
        return response
    }

    private func checkSecondSignature(
        _ body: ByteBuffer, _ request: Request, by caller: Caller, chain: DeviceChain
    ) throws {
        let message = try Bodies.decode(body, of: request, as: ProtoDeleteCircle.self)
        guard let id = DeviceID(message.secondSigner), id != caller.device.id,
            let second = chain.devices[id], second.isActive,
            WireHash.verify(
                Array(message.secondSignature), of: SignedText.delete(circle: chain.circle, newest: chain.head),
                by: second.signingKey)
        else { throw RelayError.secondSignature }
    }

    @Sendable func undeleteCircle(_ request: Request, _ context: RelayContext) async throws -> Response {
        let (circle, _, _) = try await call(request, context, access: .deleted)
        try await service.store.undeleteCircle(circle)
        return Bodies.empty(.noContent)
    }
}
