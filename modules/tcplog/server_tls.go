// SPDX-License-Identifier: Apache-2.0

package tcplog

import (
	"strconv"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
)

// ServerTLS returns what the server's first bytes were: the version of TLS in its ServerHello, or
// 0, and the alert by which it refused the handshake.
func (r *Record) ServerTLS() (version uint16, alert uint8, refused bool) {
	if r.ServerVersion > 0 {
		version = 0x0300 | uint16(r.ServerVersion)
	}
	return version, r.ServerAlert - 1, r.ServerAlert > 0
}

// serverVersion returns the version in the log.
func (r *Record) serverVersion() string {
	if version, _, _ := r.ServerTLS(); version != 0 {
		return clienthello.VersionName(version)
	}
	return ""
}

// serverAlert returns the alert in the log: its number and its name.
func (r *Record) serverAlert() string {
	if _, alert, refused := r.ServerTLS(); refused {
		return AlertName(alert)
	}
	return ""
}

// AlertName returns the number and the name of a TLS alert.
func AlertName(alert uint8) string {
	if name := alertNames[alert]; name != "" {
		return strconv.Itoa(int(alert)) + " " + name
	}
	return strconv.Itoa(int(alert))
}

// alertNames are the names of TLS alerts (RFC 8446, and those of earlier versions that servers
// send).
var alertNames = map[uint8]string{
	0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 22: "record_overflow", 40: "handshake_failure", 42: "bad_certificate",
	43: "unsupported_certificate", 44: "certificate_revoked", 45: "certificate_expired", 46: "certificate_unknown", 47: "illegal_parameter",
	48: "unknown_ca", 49: "access_denied", 50: "decode_error", 51: "decrypt_error", 70: "protocol_version", 71: "insufficient_security",
	80: "internal_error", 86: "inappropriate_fallback", 90: "user_canceled", 100: "no_renegotiation", 109: "missing_extension",
	110: "unsupported_extension", 112: "unrecognized_name", 113: "bad_certificate_status_response", 115: "unknown_psk_identity",
	116: "certificate_required", 120: "no_application_protocol", 121: "ech_required",
}
