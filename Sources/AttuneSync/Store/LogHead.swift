// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneWire

/// Where the log of one device ends: seq (from 1, dense) and hash of its newest entry.
package typealias LogHead = Entry.Position
