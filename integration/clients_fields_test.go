// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	utls "github.com/refraction-networking/utls"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// fields are the contents of a hello, with GREASE values.
type fields struct {
	shown
	SNI        string
	SessionID  int // bytes
	Versions   []uint16
	Ciphers    []uint16
	Groups     []uint16
	Shares     []uint16
	Signatures []uint16
	Extensions []uint16
}

// shown is the part of a hello that rules and logs can show, except for the name and the
// fingerprints.
type shown struct {
	Version             string
	ALPN                []string
	ECH, PQ, PSK, Early bool
}

// parsedHere returns the fields as this project parses them.
func parsedHere(h *clienthello.Hello) fields {
	f := fields{
		shown: shown{
			Version: clienthello.VersionName(h.Version()),
			ECH:     h.ECH(),
			PQ:      h.PostQuantum(),
			PSK:     h.PSK(),
			Early:   h.EarlyData(),
		},
		SNI:        string(h.ServerName()),
		SessionID:  len(h.SessionID()),
		Versions:   slices.Collect(h.SupportedVersions().All()),
		Ciphers:    slices.Collect(h.CipherSuites().All()),
		Groups:     slices.Collect(h.Groups().All()),
		Shares:     slices.Collect(h.KeyShares()),
		Signatures: slices.Collect(h.SignatureAlgorithms().All()),
		Extensions: slices.Collect(h.Extensions()),
	}
	for protocol := range h.ALPN() {
		f.ALPN = append(f.ALPN, string(protocol))
	}
	return f
}

// fieldsByUTLS returns the fields of a hello by the extensions that a client of utls was made of.
func fieldsByUTLS(u *utls.UConn) fields {
	hello := u.HandshakeState.Hello
	f := fields{SessionID: len(hello.SessionId), Ciphers: hello.CipherSuites}
	f.Version = versionWord(hello.Vers)
	for _, extension := range u.Extensions {
		written := make([]byte, extension.Len())
		_, _ = extension.Read(written)
		if len(written) == 0 {
			continue // not sent
		}
		f.Extensions = append(f.Extensions, uint16(written[0])<<8|uint16(written[1]))
		switch extension := extension.(type) {
		case *utls.SNIExtension:
			f.SNI = extension.ServerName
		case *utls.ALPNExtension:
			f.ALPN = extension.AlpnProtocols
		case *utls.SupportedVersionsExtension:
			f.Versions = extension.Versions
			f.Version = versionWord(slices.Max(withoutGREASE(extension.Versions)))
		case *utls.SupportedCurvesExtension:
			f.Groups = numbers(extension.Curves)
		case *utls.SignatureAlgorithmsExtension:
			f.Signatures = numbers(extension.SupportedSignatureAlgorithms)
		case *utls.KeyShareExtension:
			for _, share := range extension.KeyShares {
				f.Shares = append(f.Shares, uint16(share.Group))
				f.PQ = f.PQ || len(share.Data) > 1000 // only Kyber and ML-KEM have keys of that length
			}
		case utls.EncryptedClientHelloExtension:
			f.ECH = true
		case utls.PreSharedKeyExtension:
			f.PSK = true
		}
	}
	return f
}

// fieldsByCryptoTLS returns the lists that the server of crypto/tls sees in a hello. It does not
// show the rest.
func fieldsByCryptoTLS(t *testing.T, record []byte) (f fields) {
	t.Helper()
	c := &replay{rest: bytes.NewReader(record)}
	_ = tls.Server(c, &tls.Config{GetConfigForClient: func(info *tls.ClientHelloInfo) (*tls.Config, error) {
		f.SNI, f.ALPN = info.ServerName, info.SupportedProtos
		f.Ciphers, f.Extensions = info.CipherSuites, info.Extensions
		f.Groups, f.Signatures = numbers(info.SupportedCurves), numbers(info.SignatureSchemes)
		if slices.Contains(info.Extensions, hellotest.TypeSupportedVersions) {
			f.Versions = info.SupportedVersions
		}
		return nil, io.EOF
	}}).Handshake()
	if f.Ciphers == nil {
		t.Fatalf("crypto/tls cannot parse %x", record)
	}
	return f
}

// A replay is a connection on which a client's recorded bytes arrive.
type replay struct {
	hellotest.Conn
	rest io.Reader
}

func (r *replay) Read(b []byte) (int, error) { return r.rest.Read(b) }

func numbers[N ~uint16](list []N) (all []uint16) {
	for _, n := range list {
		all = append(all, uint16(n))
	}
	return all
}

func versionWord(version uint16) string {
	return strings.TrimPrefix(tls.VersionName(version), "TLS ")
}

func isGREASE(n uint16) bool { return n&0x0f0f == 0x0a0a && n>>8 == n&0xff }

func withoutGREASE(list []uint16) []uint16 {
	return slices.DeleteFunc(slices.Clone(list), isGREASE)
}

// ja4 computes the fingerprint as it is defined, for hellos with a server name.
func (f fields) ja4() string {
	ciphers, extensions := withoutGREASE(f.Ciphers), withoutGREASE(f.Extensions)
	slices.Sort(ciphers)
	slices.Sort(extensions)
	protocol := "00"
	if len(f.ALPN) > 0 {
		protocol = f.ALPN[0][:1] + f.ALPN[0][len(f.ALPN[0])-1:]
	}
	start := fmt.Sprintf("t%sd%02d%02d%s", strings.ReplaceAll(f.Version, ".", ""), len(ciphers), len(extensions), protocol)
	extensions = slices.DeleteFunc(extensions, func(kind uint16) bool {
		return kind == hellotest.TypeServerName || kind == hellotest.TypeALPN
	})
	rest := inHex(extensions)
	if len(f.Signatures) > 0 {
		rest += "_" + inHex(f.Signatures)
	}
	return start + "_" + digest(inHex(ciphers)) + "_" + digest(rest)
}

func inHex(list []uint16) string {
	words := make([]string, len(list))
	for i, n := range list {
		words[i] = fmt.Sprintf("%04x", n)
	}
	return strings.Join(words, ",")
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:6])
}
