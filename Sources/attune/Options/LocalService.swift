// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneKit
import AttuneService

/// What serves this device's store on the local network.
enum LocalService {
    static let standard: any CircleService = DirectService()
}
