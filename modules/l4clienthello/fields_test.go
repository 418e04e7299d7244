// SPDX-License-Identifier: Apache-2.0

package l4clienthello

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// checkFields checks which of the named hellos a matcher in JSON matches: those in yes, and no
// others.
func checkFields(t *testing.T, hellos map[string][]byte, config, yes string) {
	t.Helper()
	m := fromJSON(t, config)
	matches := strings.Fields(yes)
	for name, raw := range hellos {
		if got, want := m.MatchHello(inspected(t, raw)), slices.Contains(matches, name); got != want {
			t.Errorf("%s and the hello %s: %v, want %v", config, name, got, want)
		}
	}
	for _, name := range matches {
		if hellos[name] == nil {
			t.Errorf("%s: there is no hello %s", config, name)
		}
	}
}

func fromJSON(t testing.TB, config string) *Matcher {
	t.Helper()
	m := new(Matcher)
	if err := caddy.StrictUnmarshalJSON([]byte(config), m); err != nil {
		t.Fatalf("%s: %v", config, err)
	}
	if err := m.Provision(caddy.Context{}); err != nil {
		t.Fatalf("%s: %v", config, err)
	}
	return m
}

func TestVersions(t *testing.T) {
	legacy := func(version uint16) []byte {
		h := hellotest.Plain()
		h.Version = version
		return h.Raw()
	}
	offers := func(versions ...uint16) []byte {
		return hellotest.Plain(hellotest.SupportedVersions(versions...)).Raw()
	}
	hellos := map[string][]byte{
		"ssl3":      legacy(0x0300),
		"1.0":       legacy(0x0301),
		"1.1":       offers(0x0301, 0x0302),
		"1.2":       legacy(0x0303),
		"1.3":       offers(0x0a0a, 0x0304, 0x0303),
		"1.4":       offers(0x0305, 0x0304),
		"1.3+draft": offers(0x7f1c, 0x0304),
		"draft":     offers(0x7f1c),
		"grease":    offers(0x0a0a, 0xfafa),
		"sslv2":     legacy(0x0200),
		"go":        hellotest.Hello(t, "a.test"),
		"go1.2":     hellotest.Capture(t, &tls.Config{ServerName: "a.test", MaxVersion: tls.VersionTLS12}),
		"go1.1":     hellotest.Capture(t, &tls.Config{ServerName: "a.test", MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}),
	}
	const tls11, tls12, tls13 = " 1.1 go1.1 ", " 1.2 go1.2 ", " 1.3 1.3+draft go "
	for versions, yes := range map[string]string{
		`"ssl3"`:         "ssl3",
		`"1.0"`:          "1.0",
		`"1.1"`:          tls11,
		`"1.2"`:          tls12,
		`"1.3"`:          tls13,
		`"1.0-1.2"`:      "1.0" + tls11 + tls12,
		`"1.2-1.2"`:      tls12,
		`"ssl3-1.0"`:     "ssl3 1.0",
		`"1.2-"`:         tls12 + tls13 + "1.4",
		`"1.3-"`:         tls13 + "1.4",
		`"-1.1"`:         "ssl3 1.0" + tls11,
		`"-1.3"`:         "ssl3 1.0" + tls11 + tls12 + tls13,
		`"ssl3-"`:        "ssl3 1.0" + tls11 + tls12 + tls13 + "1.4",
		`"ssl3", "1.3"`:  "ssl3" + tls13,
		`"-1.0", "1.3-"`: "ssl3 1.0" + tls13 + "1.4",
	} {
		checkFields(t, hellos, `{"version": [`+versions+`]}`, yes)
	}
}

func TestECHAndPostQuantum(t *testing.T) {
	go13 := &tls.Config{ServerName: "a.test", CurvePreferences: []tls.CurveID{tls.X25519MLKEM768, tls.X25519}}
	hellos := map[string][]byte{
		"plain":    hellotest.Capture(t, &tls.Config{ServerName: "a.test", CurvePreferences: []tls.CurveID{tls.X25519}}),
		"pq":       hellotest.Capture(t, go13),
		"ech+pq":   hellotest.Capture(t, &tls.Config{ServerName: "a.test", MinVersion: tls.VersionTLS13, EncryptedClientHelloConfigList: echConfigs(t)}),
		"grease":   hellotest.Plain(hellotest.Extension(hellotest.TypeECH, []byte("random"))).Raw(),
		"kyber":    hellotest.Plain(hellotest.KeyShares(0x6399)).Raw(),
		"listed":   hellotest.Plain(hellotest.Groups(0x11ec, 29), hellotest.KeyShares(29)).Raw(),
		"noshares": hellotest.Plain(hellotest.Groups(0x11ec), hellotest.KeyShares()).Raw(),
		"tls1.2":   hellotest.Capture(t, &tls.Config{ServerName: "a.test", MaxVersion: tls.VersionTLS12}),
	}
	for config, yes := range map[string]string{
		`{"ech": true}`:                         "ech+pq grease",
		`{"post_quantum": true}`:                "pq ech+pq kyber",
		`{"ech": true, "post_quantum": true}`:   "ech+pq",
		`{"ech": false, "post_quantum": false}`: "plain pq ech+pq grease kyber listed noshares tls1.2",
		`{"ech": true, "sni": ["public.test"]}`: "ech+pq",
		`{"ech": true, "sni": ["a.test"]}`:      "",
	} {
		checkFields(t, hellos, config, yes)
	}
}

// echConfigs returns a list with one ECH configuration (RFC 9849, section 4), with the public name
// public.test.
func echConfigs(t *testing.T) []byte {
	t.Helper()
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	const (
		version = 0xfe0d
		kem     = 0x0020 // DHKEM(X25519, HKDF-SHA256)
		kdf     = 0x0001 // HKDF-SHA256
		aead    = 0x0001 // AES-128-GCM
	)
	contents := slices.Concat(
		[]byte{1}, hellotest.Uint16s(kem), hellotest.Vector16(key.PublicKey().Bytes()),
		hellotest.Vector16(hellotest.Uint16s(kdf, aead)), []byte{64}, hellotest.Vector8([]byte("public.test")), hellotest.Vector16(nil))
	// An ECHConfig has the form of an extension: type, length, data.
	return hellotest.Vector16(hellotest.Extension(version, contents))
}

// sni, sni_file, sni_regexp and no_sni are alternatives; all other fields must match as well.
func TestNameFieldsAreAlternatives(t *testing.T) {
	file := tempFile(t, "c.test\n")
	hellos := make(map[string][]byte)
	for _, name := range []string{"a.test", "b.test", "c.test", "d.test"} {
		hellos[name] = hello(t, name, "h2")
	}
	hellos["none"] = hello(t, "", "h2")
	hellos["other_types"] = hellotest.Plain(hellotest.Extension(hellotest.TypeServerName, hellotest.Vector16(hellotest.SNIEntry(9, "a.test")))).Raw()
	const nameless = " none other_types "
	all := `{"sni": ["a.test"], "sni_regexp": ["^b"], "sni_file": ["` + file + `"], "no_sni": true`
	for config, yes := range map[string]string{
		`{}`:                                                "a.test b.test c.test d.test" + nameless,
		`{"no_sni": true}`:                                  nameless,
		`{"no_sni": true, "alpn": ["h2"]}`:                  "none",
		`{"no_sni": true, "alpn": ["h3"]}`:                  "",
		`{"sni": ["a.test"], "no_sni": true}`:               "a.test" + nameless,
		`{"sni": ["a.test"], "no_sni": false}`:              "a.test",
		`{"sni_regexp": ["^[ab]"], "no_sni": true}`:         "a.test b.test" + nameless,
		`{"sni_regexp": ["^b"], "sni": ["a.test"]}`:         "a.test b.test",
		`{"sni_file": ["` + file + `"], "sni": ["a.test"]}`: "a.test c.test",
		all + `}`:                      "a.test b.test c.test" + nameless,
		all + `, "alpn": ["h2"]}`:      "a.test b.test c.test none",
		all + `, "version": ["-1.2"]}`: "other_types",
	} {
		checkFields(t, hellos, config, yes)
	}
}

func TestExpressions(t *testing.T) {
	hellos := make(map[string][]byte)
	for _, name := range []string{"www.a.test", "WWW2.A.TEST", "a.test.", "a-test", "ftp.b.test"} {
		hellos[name] = hello(t, name)
	}
	hellos["none"] = hello(t, "")
	for expression, yes := range map[string]string{
		// Unanchored, and a dot is any character.
		`a.test`:               "www.a.test WWW2.A.TEST a.test. a-test",
		`^a\.test$`:            "a.test.",
		`^WWW[0-9]*\.A\.TEST$`: "www.a.test WWW2.A.TEST",
		`^w{3}\d`:              "WWW2.A.TEST",
		`^ftp|^a-`:             "ftp.b.test a-test",
		`(?-i)WWW`:             "", // names have no upper case
		`.*`:                   "www.a.test WWW2.A.TEST a.test. a-test ftp.b.test",
		`^$`:                   "", // a hello without a name has none to match
		`\.$`:                  "",
		`\Qa.t`:                "www.a.test WWW2.A.TEST a.test.", // a quotation may be left open
		`#b|^ftp`:              "ftp.b.test",
	} {
		config, err := json.Marshal(map[string][]string{"sni_regexp": {"never", expression}})
		if err != nil {
			t.Fatal(err)
		}
		checkFields(t, hellos, string(config), yes)
	}
}

func TestFingerprints(t *testing.T) {
	signatures := hellotest.SignatureAlgorithms(0x0403)
	raws := map[string][]byte{
		"a":     hellotest.Plain(hellotest.SNI("a.test"), signatures).Raw(),
		"b":     hellotest.Plain(hellotest.SNI("b.test"), signatures).Raw(),
		"alpn":  hellotest.Plain(hellotest.SNI("a.test"), signatures, hellotest.ALPN("h2")).Raw(),
		"empty": hellotest.Plain().Raw(),
	}
	a, alpn := inspected(t, raws["a"]), inspected(t, raws["alpn"])
	first, rest, _ := strings.Cut(a.JA4(), "_")
	second, third, _ := strings.Cut(rest, "_")
	quoted := func(words ...string) string { return `["` + strings.Join(words, `", "`) + `"]` }
	none := strings.Repeat("0", 32)
	for config, yes := range map[string]string{
		`{"ja3": ` + quoted(a.JA3()) + `}`:                   "a b",
		`{"ja3": ` + quoted(none) + `}`:                      "",
		`{"ja3": ` + quoted(none, alpn.JA3(), a.JA3()) + `}`: "a b alpn",
		`{"ja4": ` + quoted(a.JA4()) + `}`:                   "a b",
		`{"ja4": ` + quoted(a.JA4(), alpn.JA4()) + `}`:       "a b alpn",
		`{"ja4": ` + quoted(first+"_*_*") + `}`:              "a b",
		// The cipher suites are the same.
		`{"ja4": ` + quoted("*_"+second+"_*") + `}`: "a b alpn empty",
		// Server name and ALPN do not count.
		`{"ja4": ` + quoted("*_*_"+third) + `}`:                               "a b alpn",
		`{"ja4": ` + quoted(first+"_*_"+third) + `}`:                          "a b",
		`{"ja4": ` + quoted(first+"_"+none[:12]+"_*") + `}`:                   "",
		`{"ja4": ` + quoted("t12d000000_*_*", "*_*_"+none[:12]) + `}`:         "empty",
		`{"ja3": ` + quoted(a.JA3()) + `, "ja4": ` + quoted(alpn.JA4()) + `}`: "",
		`{"ja3": ` + quoted(a.JA3()) + `, "sni": ["b.test"]}`:                 "b",
	} {
		checkFields(t, raws, config, yes)
	}
}

// All connections share the matcher of a configuration.
func TestConcurrentUse(t *testing.T) {
	raw := hello(t, "www.a.test", "h2")
	fingerprint := inspected(t, raw).JA4()
	m := provisioned(t, Matcher{
		SNI: []string{"b.test"}, SNIRegexp: []string{`^www\.`}, ALPN: []string{"h2"}, Version: []string{"1.3-"},
		PostQuantum: true, JA4: []string{fingerprint},
	})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				i := clienthello.NewInspection(0)
				i.Feed(raw)
				if !m.MatchHello(i) {
					t.Error("it does not match")
				}
				i.Release()
			}
		})
	}
	all.Wait()
}
