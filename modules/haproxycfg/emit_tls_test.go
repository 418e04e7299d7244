// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// siteFiles writes certificates of sites: each name is a file and the names in it, of which one
// with rsa has such a key.
func siteFiles(t *testing.T) (dir string) {
	t.Helper()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	write := func(name, text string) {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i, of := range []string{
		"a.pem a.test www.a.test", "b.pem b.test", "wild.pem *.w.test w.test", "x.pem x.w.test", "rsa.pem a.test", "odd.pem no_name{}", "dir/1.pem one.test", "dir/2.pem two.test",
		"both.pem.rsa both.test", "both.pem.ecdsa both.test",
	} {
		words := strings.Fields(of)
		key := crypto.Signer(ec)
		if strings.Contains(words[0], "rsa") {
			key = other
		}
		c := &x509.Certificate{SerialNumber: big.NewInt(int64(i) + 1), NotAfter: time.Now().Add(time.Hour), Subject: pkix.Name{CommonName: words[1]}, DNSNames: words[1:]}
		if words[0] == "odd.pem" {
			c.DNSNames = nil
		}
		der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		private, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		write(words[0], string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))+string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	}
	write("dir/1.pem.ocsp", "no certificate")
	write("dir/1.pem.key", "no certificate")
	write("ca.pem", aCertificate)
	write("plain.lst", "# a comment\n\na.pem\nwild.pem !not.w.test *.w.test\nb.pem [alpn h2 verify required ca-file ca.pem] other.test\n")
	write("star.lst", "b.pem\na.pem *\n")
	for name, line := range map[string]string{"open": "a.pem [alpn h2", "option": "a.pem [accept-proxy]", "value": "a.pem [alpn]", "min": "a.pem [ssl-min-ver x]", "crl": "a.pem [crl-file x]", "name": "a.pem !*.x", "file": "none.pem", "first": "[alpn h2] a.pem", "unit": "a.pem a/b"} {
		write("wrong-"+name+".lst", line+"\n")
	}
	return dir
}

// site returns a configuration with a bind line in mode http. DIR is a directory of files.
func site(dir, global, options string) string {
	return strings.ReplaceAll(fmt.Sprintf("global\n\tcrt-base DIR\n\tca-base DIR\n\t%s\ndefaults\n\tmode http\n%sfrontend f\n\tbind :443 ssl %s\n\thttp-request return status 200\n", global, timeoutLines, options), "DIR", dir)
}

var fingerprints = regexp.MustCompile(`(\.pem[.a-z]*) [0-9a-f]{8}"`)

// policiesOf returns the policies that a bind line becomes, without fingerprints.
func policiesOf(t *testing.T, text string) string {
	t.Helper()
	list, err := json.Marshal(at(t, apps(t, text), "http", "servers", "f", "tls_connection_policies"))
	if err != nil {
		t.Fatal(err)
	}
	return fingerprints.ReplaceAllString(string(list), `$1"`)
}

// What the certificates of a bind line become: policies, which Caddy tries in order.
func TestCertificatePolicies(t *testing.T) {
	dir := siteFiles(t)
	policy := func(more, tags string) string {
		return `{"alpn":["h2","http/1.1"],"certificate_selection":{"any_tag":[` + tags + `]}` + more + `}`
	}
	names := func(list string) string { return `,"match":{"sni":[` + list + `]}` }
	last := func(name, tag string) string {
		return policy(`,"default_sni":"`+name+`","fallback_sni":"`+name+`"`, tag)
	}
	for options, want := range map[string]string{
		"crt a.pem":                   last("a.test", `"a.pem"`),
		"crt a.pem strict-sni":        policy(names(`"a.test","www.a.test"`), `"a.pem"`) + `,{"alpn":[],"drop":true}`,
		"crt a.pem crt b.pem":         policy(names(`"a.test","www.a.test"`), `"a.pem"`) + "," + policy(names(`"b.test"`), `"b.pem"`) + "," + last("a.test", `"a.pem"`),
		"crt wild.pem crt x.pem":      policy(names(`"w.test"`), `"wild.pem"`) + "," + policy(names(`"x.w.test"`), `"x.pem"`) + "," + policy(names(`"*.w.test"`), `"wild.pem"`) + "," + last("*.w.test", `"wild.pem"`),
		"crt rsa.pem crt a.pem":       policy(names(`"a.test"`), `"a.pem","rsa.pem"`) + "," + policy(names(`"www.a.test"`), `"a.pem"`) + "," + last("a.test", `"rsa.pem"`),
		"crt both.pem":                policy(names(`"both.test"`), `"both.pem.ecdsa","both.pem.rsa"`) + "," + last("both.test", `"both.pem.ecdsa"`),
		"crt dir":                     policy(names(`"one.test"`), `"1.pem"`) + "," + policy(names(`"two.test"`), `"2.pem"`) + "," + last("one.test", `"1.pem"`),
		"crt odd.pem":                 policy("", `"odd.pem"`),
		"default-crt b.pem crt x.pem": policy(names(`"b.test"`), `"b.pem"`) + "," + policy(names(`"x.w.test"`), `"x.pem"`) + "," + last("b.test", `"b.pem"`),
		"crt-list DIR/star.lst":       policy(names(`"b.test"`), `"b.pem"`) + "," + last("a.test", `"a.pem"`),
	} {
		if got := policiesOf(t, site(dir, "", options)); got != "["+want+"]" {
			t.Errorf("%s:\n%s\nwant\n[%s]", options, got, want)
		}
	}
	got := policiesOf(t, site(dir, "", "crt-list DIR/plain.lst"))
	for _, want := range []string{
		names(`"a.test","www.a.test","not.w.test"`), `"alpn":["h2"],"certificate_selection":{"any_tag":["b.pem"]},"client_authentication":{"ca":{"pem_files":["` + dir + `/ca.pem"],"provider":"file"},"mode":"require_and_verify"},"match":{"sni":["other.test"]}`,
		`"match":{"sni":["*.w.test"]}`,
	} {
		if !strings.Contains(got, strings.TrimPrefix(want, ",")) {
			t.Errorf("crt-list: %s\nwant %s", got, want)
		}
	}
}

// The settings of a handshake, of the bind line or of global.
func TestHandshakeSettings(t *testing.T) {
	dir := siteFiles(t)
	for options, want := range map[string]string{
		"":                         `"alpn":["h2","http/1.1"]`,
		"alpn http/1.1":            `"alpn":["http/1.1"]`,
		"no-alpn":                  `"alpn":[]`,
		"alpn spdy/3,h2":           `"alpn":["h2"]`,
		"ssl-min-ver TLSv1.3":      `"protocol_min":"tls1.3"`,
		"ssl-max-ver TLSv1.2":      `"protocol_max":"tls1.2"`,
		"no-tlsv13":                `"protocol_max":"tls1.2"`,
		"force-tlsv13":             `"protocol_min":"tls1.3"`,
		"curves X25519:P-256:X448": `"curves":["x25519","secp256r1"]`,
		"ecdhe secp384r1":          `"curves":["secp384r1"]`,
		"ciphers ECDHE-RSA-AES128-GCM-SHA256:AES128-SHA": `"cipher_suites":["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]`,
		"verify optional ca-file ca.pem":                 `"mode":"verify_if_given"`,
		"verify required ca-file @system-ca":             `"client_authentication":{"ca":{"provider":"system"},"mode":"require_and_verify"}`,
		"ssl-default-bind-options ssl-min-ver TLSv1.3|":  `"protocol_min":"tls1.3"`,
		"ssl-default-bind-ciphers ECDHE+AESGCM+AES256|":  `"cipher_suites":["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384","TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"]`,
		"ssl-default-bind-options strict-sni|":           `"drop":true`,
		"ssl-default-bind-curves P-521|curves P-256":     `"curves":["secp256r1"]`,
	} {
		global, line, found := strings.Cut(options, "|")
		if !found {
			global, line = "", options
		}
		if got := policiesOf(t, site(dir, global, "crt a.pem "+line)); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", options, got, want)
		}
	}
	got := apps(t, site(dir, "", "crt a.pem verify none ca-file ca.pem no-tls-tickets"))
	equal(t, "no client certificates", at(t, got, "http", "servers", "f", "tls_connection_policies", 0, "client_authentication"), "null")
	equal(t, "tickets", at(t, got, "tls", "session_tickets"), `{"disabled": true}`)
	equal(t, "OCSP", at(t, got, "tls", "disable_ocsp_stapling"), "true")
	equal(t, "protocols", at(t, got, "http", "servers", "f", "protocols"), `["h1", "h2"]`)
	if got := apps(t, site(dir, "", "crt a.pem no-alpn")); fmt.Sprint(at(t, got, "http", "servers", "f", "protocols")) != "[h1]" {
		t.Error("HTTP/2 without ALPN")
	}
	old := site(dir, "", "crt a.pem")
	r := Translate([]haproxyfile.Source{{Name: "/etc/haproxy/haproxy.cfg", Text: []byte(old)}}, Options{Getenv: func(name string) (string, bool) { return "2.6", name == branchVariable }})
	if !strings.Contains(compact(string(r.JSON)), `"alpn":[]`) {
		t.Errorf("HTTP/2 without alpn before 2.8: %v %s", r.Problems, r.JSON)
	}
}

// Certificates with ECDSA are loaded first, and one that two binds have is loaded once.
func TestLoadedCertificates(t *testing.T) {
	dir := siteFiles(t)
	got, err := json.Marshal(at(t, apps(t, site(dir, "", "crt rsa.pem crt a.pem")+"\tbind :8443 ssl crt "+dir+"/a.pem crt "+dir+"/both.pem\n"), "tls", "certificates", "load_files"))
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"certificate":"DIR/a.pem","key":"DIR/a.pem","tags":["a.pem"]},{"certificate":"DIR/both.pem.ecdsa","key":"DIR/both.pem.ecdsa","tags":["both.pem.ecdsa"]},` +
		`{"certificate":"DIR/rsa.pem","key":"DIR/rsa.pem","tags":["rsa.pem"]},{"certificate":"DIR/both.pem.rsa","key":"DIR/both.pem.rsa","tags":["both.pem.rsa"]}]`
	if text := fingerprints.ReplaceAllString(string(got), `$1"`); text != strings.ReplaceAll(want, "DIR", dir) {
		t.Errorf("%s\nwant\n%s", text, want)
	}
}

// A frontend becomes a server of Caddy for each kind of bind.
func TestServersOfBinds(t *testing.T) {
	dir := siteFiles(t)
	text := site(dir, "", "crt a.pem") + strings.ReplaceAll("\tbind :80\n\tbind :81 accept-proxy\n\tbind :444,:445 ssl crt DIR/b.pem\n\tbind :446 accept-proxy ssl crt DIR/a.pem\n", "DIR", dir)
	servers := at(t, apps(t, text), "http", "servers")
	for name, want := range map[string]string{
		"f":                  `["durable4/0.0.0.0:80"]`,
		"f accept-proxy":     `["durable4/0.0.0.0:81"]`,
		"f ssl":              `["durable4/0.0.0.0:443"]`,
		"f ssl 2":            `["durable4/0.0.0.0:444", "durable4/0.0.0.0:445"]`,
		"f ssl accept-proxy": `["durable4/0.0.0.0:446"]`,
	} {
		equal(t, name, at(t, servers, name, "listen"), want)
		if has := at(t, servers, name, "tls_connection_policies") != nil; has != strings.Contains(name, "ssl") {
			t.Errorf("TLS of %s: %v", name, has)
		}
	}
	if len(servers.(map[string]any)) != 5 {
		t.Errorf("%d servers", len(servers.(map[string]any)))
	}
}

// A mistake in the TLS options of a bind line is reported with its reason.
func TestBindTLSMistakes(t *testing.T) {
	dir := siteFiles(t)
	for options, want := range map[string]string{
		"":                          "E 'bind :443' : no SSL certificate specified (use 'crt')",
		"crt none.pem":              "E 'bind :443' : 'crt' : unable to stat SSL certificate from file '" + dir + "/none.pem': no such file or directory",
		"crt ca.pem":                "E 'bind :443' : 'crt' : no private key found in '" + dir + "/ca.pem'",
		"crt @store/a":              "E 'bind :443' : 'crt' : '@store/a': certificates of a crt-store are not available",
		"crt a.pem verify maybe":    "E 'bind :443' : 'verify' : unknown verify method 'maybe'",
		"crt a.pem verify required": "E 'bind :443' : verify is enabled but no CA file specified",
		"crt a.pem verify required ca-file none.pem":    "E 'bind :443' : 'ca-file' : ",
		"crt a.pem verify required ca-file dir":         "E 'bind :443' : 'ca-file' : ",
		"crt a.pem ssl-min-ver TLSv9":                   "E 'bind :443' in section 'frontend' : 'ssl-min-ver' : 'ssl-min-ver': 'TLSv9': unknown ssl/tls version",
		"crt a.pem ssl-max-ver TLSv1.1":                 "E 'bind :443' : no version of TLS is left: expected TLSv1.2 or TLSv1.3",
		"crt a.pem ciphers AES128-SHA":                  "E 'bind :443' : 'ciphers AES128-SHA': Caddy's TLS has none of these cipher suites",
		"crt a.pem curves X448":                         "E 'bind :443' : 'curves X448': Go's TLS has none of these curves",
		"crt a.pem curves P-9":                          "E 'bind :443' : unable to set SSL curves list to 'P-9'",
		"crt a.pem crl-file x":                          "E 'bind :443' : 'crl-file x' is not available: Caddy's http app knows no revocation lists",
		"crt a.pem generate-certificates":               "E 'bind :443' : 'generate-certificates' is not available",
		"crt a.pem crt":                                 "E 'bind :443' in section 'frontend' : 'crt' : missing certificate location",
		"crt-list DIR/none.lst":                         "E 'bind :443' : 'crt-list' : open ",
		"crt-list DIR/wrong-open.lst":                   "E 'bind :443' : 'crt-list' : parsing line 1 of 'DIR/wrong-open.lst': expected ']' after the options",
		"crt-list DIR/wrong-option.lst":                 "E 'bind :443' : 'crt-list' : parsing line 1 of 'DIR/wrong-option.lst': unknown option 'accept-proxy'",
		"crt-list DIR/wrong-value.lst":                  "E 'bind :443' : 'crt-list' : parsing line 1 of 'DIR/wrong-value.lst': unknown option 'alpn', or one without its value",
		"crt-list DIR/wrong-min.lst":                    "E 'bind :443' : 'crt-list' : parsing line 1 of 'DIR/wrong-min.lst': 'ssl-min-ver': 'x': unknown",
		"crt-list DIR/wrong-crl.lst":                    "E 'crt-list DIR/wrong-crl.lst' : 'crl-file x' is not available",
		"crt-list DIR/wrong-name.lst":                   "E 'bind :443' : 'crt-list' : parsing line 1 of 'DIR/wrong-name.lst': '!*.x': expected a name",
		"crt-list DIR/wrong-unit.lst":                   "E 'bind :443' : 'crt-list' : parsing line 1 of 'DIR/wrong-unit.lst': 'a/b': expected a name",
		"crt-list DIR/wrong-file.lst":                   "E 'bind :443' : 'crt-list' : parsing line 1 of 'DIR/wrong-file.lst': unable to stat",
		"crt-list DIR/wrong-first.lst":                  "E 'bind :443' : 'crt-list' : parsing line 1 of 'DIR/wrong-first.lst': expected a file before the options",
		"crt a.pem ssl-min-ver TLSv1.0":                 "differs from HAProxy: 'ssl-min-ver': clients of a version before TLSv1.2 are refused",
		"crt a.pem ciphersuites TLS_AES_128_GCM_SHA256": "differs from HAProxy: 'ciphersuites': TLS_AES_256_GCM_SHA384 and TLS_CHACHA20_POLY1305_SHA256 cannot be turned off",
		"crt a.pem ciphers ALL":                         "differs from HAProxy: 'ciphers': Caddy's TLS does not have ",
		"crt a.pem alpn h3,h2":                          "differs from HAProxy: 'bind ... alpn': protocols other than h2 and http/1.1 are left out",
		"crt a.pem tls-ticket-keys x":                   "ignored, without any effect on the traffic: 'bind ... tls-ticket-keys': tickets are encrypted with keys of this process",
	} {
		said := strings.Join(messages(t, site(dir, "", options)), "\n")
		if want = strings.ReplaceAll(want, "DIR", dir); !strings.HasPrefix(said, want) || strings.Contains(said, "\n") && options != "crt-list DIR/wrong-crl.lst" {
			t.Errorf("%s: said\n%s\nwant\n%s", options, said, want)
		}
	}
	for text, want := range map[string]string{
		site(dir, "ssl-default-bind-options no-tlsv9", "crt a.pem"):                                   "E unknown option 'no-tlsv9' on global statement 'ssl-default-bind-options'",
		site(dir, "ssl-default-bind-options ssl-min-ver", "crt a.pem"):                                "E 'ssl-min-ver' : missing the ssl/tls version on global statement 'ssl-default-bind-options'",
		site(dir, "ssl-default-bind-options ssl-min-ver TLSv1.1", "crt a.pem"):                        "differs from HAProxy: 'ssl-min-ver': clients of a version before TLSv1.2 are refused",
		strings.Replace(site(dir, "", "crt a.pem"), ":443", ":80", 1):                                 "E 'bind :80' : 'ssl' on port 80 is not available: Caddy's http app speaks plain text there",
		strings.Replace(site(dir, "ssl-default-bind-options no-sslv3", "crt a.pem"), " ssl ", " ", 1): "ignored, without any effect on the traffic: 'no-sslv3': TLS is not terminated here\nignored, without any effect on the traffic: 'bind ... crt': the line has no 'ssl'",
	} {
		if said := strings.Join(messages(t, text), "\n"); !strings.HasPrefix(said, want) {
			t.Errorf("said\n%s\nwant\n%s", said, want)
		}
	}
}
