// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"testing"
	"time"
)

// overTLS returns the input of a request over TLS, with a client's certificate.
func overTLS() *Input {
	in := exchange()
	attribute := func(id asn1.ObjectIdentifier, value string) pkix.AttributeTypeAndValue {
		return pkix.AttributeTypeAndValue{Type: id, Value: value}
	}
	in.HTTP.Request.TLS = &tls.ConnectionState{
		Version: tls.VersionTLS12, ServerName: "www.a.example", NegotiatedProtocol: "h2", CipherSuite: tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		PeerCertificates: []*x509.Certificate{{
			Raw: []byte("der"), Version: 3, SerialNumber: big.NewInt(0x80), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1700000000, 0),
			Subject: pkix.Name{Names: []pkix.AttributeTypeAndValue{
				attribute(asn1.ObjectIdentifier{2, 5, 4, 6}, "DE"), attribute(asn1.ObjectIdentifier{2, 5, 4, 11}, "one"), attribute(asn1.ObjectIdentifier{2, 5, 4, 11}, "two"),
				attribute(asn1.ObjectIdentifier{2, 5, 4, 3}, "ann"), attribute(asn1.ObjectIdentifier{1, 2, 3}, "odd"),
			}},
			Issuer: pkix.Name{Names: []pkix.AttributeTypeAndValue{attribute(asn1.ObjectIdentifier{2, 5, 4, 3}, "authority")}},
		}},
	}
	return in
}

// Each fetch with its value over TLS, and in plain text.
func TestTLSFetchesOfHTTP(t *testing.T) {
	for expression, want := range map[string][2]string{
		"ssl_fc":                      {"1", "0"},
		"ssl_fc_has_sni":              {"1", "0"},
		"ssl_fc_is_resumed":           {"0", "0"},
		"ssl_fc_sni":                  {"www.a.example", "none"},
		"ssl_fc_alpn":                 {"h2", "none"},
		"ssl_fc_protocol":             {"TLSv1.2", "none"},
		"ssl_fc_cipher":               {"ECDHE-RSA-AES128-GCM-SHA256", "none"},
		"ssl_c_used":                  {"1", "none"},
		"ssl_fc_has_crt":              {"1", "none"},
		"ssl_c_verify":                {"0", "none"},
		"ssl_c_version":               {"3", "none"},
		"ssl_c_serial,hex":            {"0080", "none"},
		"ssl_c_sha1,hex":              {"7D44C33CF9A82AB9BD5300D266784504E9772177", "none"},
		"ssl_c_notbefore":             {"700101000000Z", "none"},
		"ssl_c_notafter":              {"231114221320Z", "none"},
		"ssl_c_s_dn":                  {"/C=DE/OU=one/OU=two/CN=ann/1.2.3=odd", "none"},
		"ssl_c_s_dn(CN)":              {"ann", "none"},
		"ssl_c_s_dn(OU)":              {"one", "none"},
		"ssl_c_s_dn(OU,2)":            {"two", "none"},
		"ssl_c_s_dn(OU,-1)":           {"two", "none"},
		"ssl_c_s_dn(OU,-3)":           {"none", "none"},
		"ssl_c_s_dn(L)":               {"none", "none"},
		"ssl_c_i_dn(CN)":              {"authority", "none"},
		"ssl_c_der,hex":               {"646572", "none"},
		"ssl_fc_sni,lower,field(2,.)": {"a", "none"},
	} {
		e, err := (&Loader{HTTP: true}).Expression(expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		for i, in := range []*Input{overTLS(), exchange()} {
			v, verdict := e.Eval(in)
			got := v.String()
			if verdict != Pass {
				got = "none"
			}
			if got != want[i] {
				t.Errorf("%s: %q, want %q", expression, got, want[i])
			}
		}
	}
}

// Fetches about a client's certificate have no value without one.
func TestNoClientCertificate(t *testing.T) {
	in := overTLS()
	in.HTTP.Request.TLS.PeerCertificates = nil
	for expression, want := range map[string]string{"ssl_c_used": "0", "ssl_c_verify": "0", "ssl_c_s_dn": "none", "ssl_c_serial": "none"} {
		e, err := (&Loader{HTTP: true}).Expression(expression)
		if err != nil {
			t.Fatal(err)
		}
		v, verdict := e.Eval(in)
		if got := v.String(); verdict == Pass && got != want || verdict != Pass && want != "none" {
			t.Errorf("%s: %q %v, want %q", expression, got, verdict, want)
		}
	}
}

func TestTLSFetchesThatAreMissing(t *testing.T) {
	for _, expression := range []string{"ssl_fc_curve", "ssl_c_chain_der", "ssl_f_sha1", "ssl_c_s_dn(CN,0)", "ssl_c_s_dn(CN,1,rfc2253)"} {
		_, err := (&Loader{HTTP: true}).Expression(expression)
		if _, unsupported := errors.AsType[*Unsupported](err); err == nil || !unsupported && expression[:6] != "ssl_c_" {
			t.Errorf("%s: %v", expression, err)
		}
	}
	if _, err := (&Loader{HTTP: true}).Expression("ssl_bc"); err != nil {
		t.Error(err)
	}
}

func TestCipherNames(t *testing.T) {
	for id, want := range map[uint16]string{
		tls.TLS_AES_128_GCM_SHA256:                        "TLS_AES_128_GCM_SHA256",
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: "ECDHE-ECDSA-CHACHA20-POLY1305",
		tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384:         "ECDHE-RSA-AES256-GCM-SHA384",
		tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA:            "ECDHE-RSA-AES128-SHA",
		tls.TLS_RSA_WITH_AES_256_GCM_SHA384:               "AES256-GCM-SHA384",
		tls.TLS_RSA_WITH_AES_128_CBC_SHA256:               "AES128-SHA256",
	} {
		if got := opensslCipher(id); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
