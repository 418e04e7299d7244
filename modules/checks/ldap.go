// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"context"
	"fmt"
	"io"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

func init() {
	caddy.RegisterModule(new(LDAP))
}

// LDAP makes an anonymous LDAPv3 bind (RFC 4511, section 4.2). It is HAProxy's option ldap-check.
type LDAP struct {
	// TLS enables TLS from the first byte, as in ldaps. Default: off.
	TLS *TLS `json:"tls,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*LDAP) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough.checks.ldap",
		New: func() caddy.Module { return new(LDAP) },
	}
}

// Provision validates the options.
func (c *LDAP) Provision(caddy.Context) error { return provisionTLS(c.TLS) }

// Check returns L7OK; L7STS with the result code of a bind that failed; L7RSP if the answer is not
// a bind response, L7TOUT; or what a connect or a handshake can result in.
func (c *LDAP) Check(ctx context.Context, t pool.Target) pool.Result {
	d := protocolCheck{tls: c.TLS, exchange: exchangeLDAPBind, goodbye: sendLDAPUnbind}
	return d.check(ctx, t)
}

// Tags of the elements sent and expected.
const (
	berInteger       = 0x02
	berOctets        = 0x04
	berEnumerated    = 0x0a
	berSequence      = 0x30
	ldapBindResponse = 0x61 // bindResponse
	ldapExtended     = 0x78 // extendedResponse: with message 0, notice of disconnection
	ldapUnavailable  = 52
)

// bindNames holds the result codes that a bind may have (RFC 4511, section 4.1.9).
var bindNames = map[byte]string{
	1: "operationsError", 2: "protocolError", 3: "timeLimitExceeded", 7: "authMethodNotSupported",
	8: "strongerAuthRequired", 10: "referral", 11: "adminLimitExceeded", 13: "confidentialityRequired",
	14: "saslBindInProgress", 32: "noSuchObject", 34: "invalidDNSyntax", 48: "inappropriateAuthentication",
	49: "invalidCredentials", 50: "insufficientAccessRights", 51: "busy", ldapUnavailable: "unavailable",
	53: "unwillingToPerform", 80: "other",
}

// exchangeLDAPBind sends an anonymous bind as message 1 and judges the response.
func exchangeLDAPBind(rw io.ReadWriter) (string, error) {
	if _, err := rw.Write([]byte("\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00")); err != nil {
		return "", err
	}
	message, err := readElement(rw)
	if err != nil {
		return "", err
	}
	answer, ok := parseLDAPResult(message)
	switch {
	case !ok:
		return "", notProtocol("LDAP", message.content)
	case answer.operation == ldapExtended && answer.message == 0:
		return "", protocolError("the server disconnects: " + answer.String())
	case answer.operation != ldapBindResponse || answer.message != 1:
		return "", notProtocol("LDAP", message.content)
	case answer.code != 0:
		return "", refusalf("%s", answer)
	}
	return "success", nil
}

// ldapResult is a message that begins as an LDAPResult does (RFC 4511, section 4.1.9).
type ldapResult struct {
	message    byte // its number
	operation  byte // its tag
	code       byte
	diagnostic string
}

// parseLDAPResult parses a message. It returns false if the message is not an LDAPResult.
func parseLDAPResult(message berElement) (ldapResult, bool) {
	id, rest := cutElement(message.content)
	operation, _ := cutElement(rest)
	code, rest := cutElement(operation.content)
	_, rest = cutElement(rest) // matchedDN
	diagnostic, _ := cutElement(rest)
	if message.tag != berSequence || !id.is(berInteger, 1) || !code.is(berEnumerated, 1) {
		return ldapResult{}, false
	}
	r := ldapResult{message: id.content[0], operation: operation.tag, code: code.content[0]}
	if diagnostic.tag == berOctets {
		r.diagnostic = string(diagnostic.content)
	}
	return r, true
}

// String returns the result as messages show it.
func (r ldapResult) String() string {
	text := fmt.Sprintf("result %d", r.code)
	if name := bindNames[r.code]; name != "" {
		text += " (" + name + ")"
	}
	if r.diagnostic != "" {
		text += ": " + r.diagnostic
	}
	return text
}

// berElement is a BER element; its tag is 0 if it is missing.
type berElement struct {
	tag     byte
	content []byte
}

func (e *berElement) is(tag byte, length int) bool { return e.tag == tag && len(e.content) == length }

// readElement reads an element, which must be a sequence.
func readElement(r io.Reader) (berElement, error) {
	head := make([]byte, 2, 2+4)
	if n, err := io.ReadFull(r, head); err != nil || head[0] != berSequence {
		if n > 0 && head[0] != berSequence {
			err = notProtocol("LDAP", head[:n])
		}
		return berElement{}, err
	}
	if more := extraLengthBytes(head[1]); more > 0 {
		head = head[:2+more]
		if _, err := io.ReadFull(r, head[2:]); err != nil {
			return berElement{}, err
		}
	}
	size, ok := berLength(head[1:])
	if !ok || size > maxReceived {
		return berElement{}, notProtocol("LDAP", head)
	}
	content := make([]byte, size)
	_, err := io.ReadFull(r, content)
	return berElement{head[0], content}, err
}

// cutElement returns the first element of b, and what follows it.
func cutElement(b []byte) (e berElement, rest []byte) {
	if len(b) < 2 {
		return berElement{}, nil
	}
	more := extraLengthBytes(b[1])
	if more > len(b)-2 {
		return berElement{}, nil
	}
	size, ok := berLength(b[1 : 2+more])
	if body := b[2+more:]; ok && size <= len(body) {
		return berElement{b[0], body[:size]}, body[size:]
	}
	return berElement{}, nil
}

// extraLengthBytes returns the number of length bytes after the first one; also 0 if the first one
// is invalid.
func extraLengthBytes(first byte) int {
	if more := int(first & 0x7f); first >= 0x80 && more <= 4 {
		return more
	}
	return 0
}

// berLength returns the length that the bytes b encode.
func berLength(b []byte) (n int, ok bool) {
	if b[0] < 0x80 {
		return int(b[0]), true
	}
	if len(b) == 1 { // the indefinite form, which LDAP does not use, or too long
		return 0, false
	}
	for _, digit := range b[1:] {
		n = n<<8 | int(digit)
	}
	return n, n >= 0 && n <= maxReceived
}

// sendLDAPUnbind sends an unbind request as message 2.
func sendLDAPUnbind(rw io.ReadWriter) {
	rw.Write([]byte("\x30\x05\x02\x01\x02\x42\x00")) //nolint:errcheck // the connection ends in any case
}

// CheckOptions returns the options of the checker's block. Syntax:
//
//	check ldap {
//		tls {
//			<options of checker tls>
//		}
//	}
func (c *LDAP) CheckOptions() options.Table { return options.Table{"tls": tlsOption(&c.TLS)} }

// Interface guards
var (
	_ caddy.Module      = (*LDAP)(nil)
	_ caddy.Provisioner = (*LDAP)(nil)
	_ pool.Checker      = (*LDAP)(nil)
)
