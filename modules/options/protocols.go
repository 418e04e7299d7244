// SPDX-License-Identifier: Apache-2.0

package options

import (
	"fmt"
	"strings"
)

// maxProtocol is the length of the longest name that fits into the ALPN extension.
const maxProtocol = 255

// protocols maps common names of protocols to their ALPN names (RFC 7301 and its registry).
var protocols = map[string]string{
	"http2": "h2", "http/2": "h2", "http/2.0": "h2", "http2.0": "h2", "h2c": "h2", "spdy": "h2",
	"http": "http/1.1", "https": "http/1.1", "http1": "http/1.1", "http/1": "http/1.1", "http1.1": "http/1.1", "http11": "http/1.1", "h1": "http/1.1",
	"http1.0": "http/1.0", "http10": "http/1.0",
}

// overQUIC has the names of HTTP/3.
var overQUIC = map[string]bool{"http3": true, "http/3": true, "http/3.0": true}

// ValidateProtocol returns an error for a name that no client or server uses for a protocol in
// ALPN, where case matters.
func ValidateProtocol(name string) error {
	if name == "" || len(name) > maxProtocol || strings.ContainsAny(name, ", ") {
		return fmt.Errorf("%q: expected a protocol name such as h2 or http/1.1", name)
	}
	lower := strings.ToLower(name)
	switch {
	case protocols[lower] != "":
		return fmt.Errorf("%q: ALPN's name for it is %s: write %s", name, protocols[lower], protocols[lower])
	case overQUIC[lower]:
		return fmt.Errorf("%q: ALPN's name for HTTP/3 is h3, and it runs over QUIC (UDP): expected a protocol of TLS over TCP, such as h2 or http/1.1", name)
	case lower != name && (lower == "h2" || strings.HasPrefix(lower, "http/")):
		return fmt.Errorf("%q: case matters: write %s", name, lower)
	}
	return nil
}
