// Attune
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import AttuneSync

@Suite struct RemoteAddressTests {
    @Test(arguments: [
        ("HTTP://Relay.Example:80/", "http://relay.example", "relay.example"),
        ("https://relay.example:8443/base//", "https://relay.example:8443/base", "relay.example:8443"),
        ("http://[::1]:7000", "http://[::1]:7000", "[::1]:7000"),
        ("http://my_box.lan", "http://my_box.lan", "my_box.lan"),
        ("https://b\u{fc}cher.example", "https://xn--bcher-kva.example", "xn--bcher-kva.example"),
    ])
    func anAddressIsKeptInOneForm(text: String, base: String, authority: String) throws {
        let address = try #require(RemoteAddress(text))
        #expect(address.base == base)
        #expect(address.authority == authority)
        #expect(RemoteAddress(base) == address)
    }

    @Test(arguments: [
        "", "relay.example", "ftp://relay.example", "http://", "http://[]", "http://[::1%25eth0]", "http://%1e%2e/x",
        "http://a%2fb", "http://name@relay.example", "http://relay.example?q", "http://relay.example#f",
        "http://relay.example/" + String(repeating: "a", count: 1024),
        "http://relay.example/" + String(repeating: "\u{e9}", count: 400),
    ])
    func whatCouldBeReadInTwoWaysIsNoAddress(text: String) {
        #expect(RemoteAddress(text) == nil)
    }
}
