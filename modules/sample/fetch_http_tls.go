// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"crypto/sha1" //nolint:gosec // the fingerprint that HAProxy's ssl_c_sha1 has
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"strings"
)

// tlsHTTPFetches returns the fetches that examine the TLS connection of a request. Without TLS they
// have no value, apart from those that are false then.
func tlsHTTPFetches() map[string]fetch {
	ofClient := func(out valueType, note string, f func(c *x509.Certificate) Value) fetch {
		return fetch{out: out, note: note + " of the client's certificate", build: fromTLS(func(s *tls.ConnectionState) result {
			if len(s.PeerCertificates) == 0 {
				return noValue
			}
			return found(f(s.PeerCertificates[0]))
		})}
	}
	ofTLS := func(out valueType, note string, f func(s *tls.ConnectionState) result) fetch {
		return fetch{out: out, note: note, build: fromTLS(f)}
	}
	boolean := func(note string, f func(s *tls.ConnectionState) bool) fetch {
		return ofTLS(typeBool, note, func(s *tls.ConnectionState) result { return found(Boolean(f(s))) })
	}
	hasCertificate := boolean("whether the client has sent a certificate", func(s *tls.ConnectionState) bool { return len(s.PeerCertificates) > 0 })
	accepted := ofTLS(typeInt, "0: a certificate that is not valid ends the handshake", func(*tls.ConnectionState) result { return found(Integer(0)) })
	name := ofTLS(typeStr, "the server name that the client asked for", func(s *tls.ConnectionState) result { return textOrNothing(s.ServerName) })
	ending, matching := name, name
	ending.aclMethod, matching.aclMethod = "end", "reg"
	return map[string]fetch{
		"ssl_fc":         isTLS("whether the client's connection uses TLS", func(*tls.ConnectionState) bool { return true }),
		"ssl_fc_has_sni": isTLS("whether the client asked for a server name", func(s *tls.ConnectionState) bool { return s.ServerName != "" }),
		"ssl_fc_is_resumed": isTLS("whether the client has resumed a TLS session", func(s *tls.ConnectionState) bool {
			return s.DidResume
		}),
		"ssl_fc_sni": name, "ssl_fc_sni_end": ending, "ssl_fc_sni_reg": matching,
		"ssl_fc_alpn":     ofTLS(typeStr, "the protocol chosen by ALPN", func(s *tls.ConnectionState) result { return textOrNothing(s.NegotiatedProtocol) }),
		"ssl_fc_protocol": ofTLS(typeStr, "the version of TLS, such as TLSv1.3", func(s *tls.ConnectionState) result { return textOrNothing(tlsVersionNames[s.Version]) }),
		"ssl_fc_cipher":   ofTLS(typeStr, "the cipher suite, by OpenSSL's name", func(s *tls.ConnectionState) result { return found(Text(opensslCipher(s.CipherSuite))) }),
		"ssl_c_used":      hasCertificate, "ssl_fc_has_crt": hasCertificate,
		"ssl_c_verify": accepted, "ssl_c_err": accepted, "ssl_c_ca_err": accepted, "ssl_c_ca_err_depth": accepted,
		"ssl_c_version":   ofClient(typeInt, "the version", func(c *x509.Certificate) Value { return Integer(int64(c.Version)) }),
		"ssl_c_der":       ofClient(typeBin, "the DER form", func(c *x509.Certificate) Value { return Binary(c.Raw) }),
		"ssl_c_serial":    ofClient(typeBin, "the serial number", func(c *x509.Certificate) Value { return Binary(serialBytes(c)) }),
		"ssl_c_sha1":      ofClient(typeBin, "the SHA-1 fingerprint", func(c *x509.Certificate) Value { sum := sha1.Sum(c.Raw); return Binary(sum[:]) }), //nolint:gosec // as above
		"ssl_c_notbefore": ofClient(typeStr, "the first time, as YYMMDDhhmmssZ,", func(c *x509.Certificate) Value { return Text(c.NotBefore.UTC().Format(certificateTime)) }),
		"ssl_c_notafter":  ofClient(typeStr, "the last time, as YYMMDDhhmmssZ,", func(c *x509.Certificate) Value { return Text(c.NotAfter.UTC().Format(certificateTime)) }),
		"ssl_c_s_dn":      ofDN("the subject", func(c *x509.Certificate) []pkix.AttributeTypeAndValue { return c.Subject.Names }),
		"ssl_c_i_dn":      ofDN("the issuer", func(c *x509.Certificate) []pkix.AttributeTypeAndValue { return c.Issuer.Names }),
	}
}

// certificateTime is the form of the times of a certificate.
const certificateTime = "060102150405Z"

var tlsVersionNames = map[uint16]string{tls.VersionTLS10: "TLSv1", tls.VersionTLS11: "TLSv1.1", tls.VersionTLS12: "TLSv1.2", tls.VersionTLS13: "TLSv1.3"}

// fromTLS returns the build function of a fetch that has no value without TLS.
func fromTLS(f func(s *tls.ConnectionState) result) func(args) (fetchFunc, error) {
	return fromHTTP(func(h *HTTP) result {
		if h.Request.TLS == nil {
			return noValue
		}
		return f(h.Request.TLS)
	})
}

// isTLS returns a fetch that is false without TLS.
func isTLS(note string, f func(s *tls.ConnectionState) bool) fetch {
	return fetch{out: typeBool, note: note, build: fromHTTP(func(h *HTTP) result {
		return found(Boolean(h.Request.TLS != nil && f(h.Request.TLS)))
	})}
}

// opensslCipher returns OpenSSL's name of a cipher suite. Those of TLS 1.3 have the same name.
func opensslCipher(id uint16) string {
	name := tls.CipherSuiteName(id)
	if !strings.Contains(name, "_WITH_") {
		return name
	}
	name = strings.TrimPrefix(strings.TrimPrefix(name, "TLS_"), "RSA_WITH_")
	name = strings.NewReplacer("_WITH_", "-", "AES_", "AES", "_CBC", "", "POLY1305_SHA256", "POLY1305", "3DES_EDE", "DES-CBC3").Replace(name)
	return strings.ReplaceAll(name, "_", "-")
}

// serialBytes returns a serial number as the certificate has it.
func serialBytes(c *x509.Certificate) []byte {
	b := c.SerialNumber.Bytes()
	if len(b) == 0 || b[0] >= 0x80 {
		b = append([]byte{0}, b...)
	}
	return b
}

// ofDN returns a fetch of a distinguished name of the client's certificate: all of it, or one
// attribute, by its number among those of its kind from 1, or with - from the end.
func ofDN(note string, of func(c *x509.Certificate) []pkix.AttributeTypeAndValue) fetch {
	return fetch{
		args: takes(0, argStr, argInt), out: typeStr,
		note: note + " of the client's certificate: all, or an attribute such as CN, by its number from 1, or with - from the end",
		build: func(a args) (fetchFunc, error) {
			kind, n := a.text(0), a.integer(1, 1)
			if n == 0 {
				return nil, errors.New("expected the number of an attribute, from 1")
			}
			build := fromTLS(func(s *tls.ConnectionState) result {
				if len(s.PeerCertificates) == 0 {
					return noValue
				}
				names := of(s.PeerCertificates[0])
				if kind == "" {
					return textOrNothing(joinedDN(names))
				}
				return attribute(names, kind, int(n))
			})
			return build(nil)
		},
	}
}

// attributeNames are OpenSSL's short names of attributes.
var attributeNames = map[string]string{
	"2.5.4.3": "CN", "2.5.4.4": "SN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "street",
	"2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.12": "title", "2.5.4.42": "GN", "1.2.840.113549.1.9.1": "emailAddress",
	"0.9.2342.19200300.100.1.1": "UID", "0.9.2342.19200300.100.1.25": "DC",
}

func attributeName(a pkix.AttributeTypeAndValue) string {
	if name := attributeNames[a.Type.String()]; name != "" {
		return name
	}
	return a.Type.String()
}

// joinedDN returns a distinguished name in OpenSSL's old form: /C=DE/O=Example/CN=a.
func joinedDN(names []pkix.AttributeTypeAndValue) string {
	var b strings.Builder
	for _, a := range names {
		if text, ok := a.Value.(string); ok {
			b.WriteString("/" + attributeName(a) + "=" + text)
		}
	}
	return b.String()
}

// attribute returns the n-th attribute of a kind, counted from the end if n is negative.
func attribute(names []pkix.AttributeTypeAndValue, kind string, n int) result {
	var values []string
	for _, a := range names {
		if text, ok := a.Value.(string); ok && attributeName(a) == kind {
			values = append(values, text)
		}
	}
	if n < 0 {
		n += len(values) + 1
	}
	if n < 1 || n > len(values) {
		return noValue
	}
	return found(Text(values[n-1]))
}
