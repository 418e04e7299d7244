// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

func TestHandshake(t *testing.T) {
	good := secureServer(t, leaf("web.example", "www.example"))
	old := leaf("web.example")
	old.NotBefore, old.NotAfter = time.Now().Add(-10*days), time.Now().Add(-3*days)
	young := leaf("web.example")
	young.NotBefore = time.Now().Add(3 * days)
	many := leaf("a", "b", "c", "d", "e", "f", "g")
	nameless := leaf()
	nameless.IPAddresses = nil
	client := leaf("web.example")
	client.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	oldest := secureServer(t, leaf("web.example"))
	oldest.config.MaxVersion = tls.VersionTLS12
	h2 := secureServer(t, leaf("web.example"))
	h2.config.NextProtos = []string{"h2"}
	expiring := signedBy(t, newAuthority(t, "Tired CA", 20*days), leaf("web.example"))
	for _, test := range []struct {
		name   string
		server tlsServer
		config string // $ stands for the authority's file
		code   pool.Code
		info   string
	}{
		{"good", good, `{"ca": "$", "server_name": "web.example"}`, pool.Layer6OK, ""},
		{"other name", good, `{"ca": "$", "server_name": "www.example"}`, pool.Layer6OK, ""},
		{"wrong name", good, `{"ca": "$", "server_name": "no.example"}`, pool.Layer6Response, "certificate is for web.example, www.example, not for no.example"},
		{"the target's name", good, `{"ca": "$"}`, pool.Layer6Response, "certificate is for web.example, www.example, not for 127.0.0.1"},
		{"an address", secureServer(t, leaf()), `{"ca": "$"}`, pool.Layer6OK, ""},
		{"an address, wrong name", secureServer(t, leaf()), `{"ca": "$", "server_name": "web.example"}`, pool.Layer6Response, "certificate is for 127.0.0.1, not for web.example"},
		{"many names", secureServer(t, many), `{"ca": "$", "server_name": "h"}`, pool.Layer6Response, "certificate is for a, b, c, d, e, 2 more, not for h"},
		{"five names", secureServer(t, leaf("a", "b", "c", "d", "e")), `{"ca": "$", "server_name": "h"}`, pool.Layer6Response, "certificate is for a, b, c, d, e, not for h"},
		{"no name", secureServer(t, nameless), `{"ca": "$", "server_name": "web.example"}`, pool.Layer6Response, "certificate is for no name, not for web.example"},
		{"system's roots", good, `{"server_name": "web.example"}`, pool.Layer6Response, "certificate signed by an unknown authority (CN=Testing CA)"},
		{"any name", good, `{"ca": "$", "verify": "chain", "server_name": "no.example"}`, pool.Layer6OK, ""},
		{"any name, unknown authority", good, `{"verify": "chain"}`, pool.Layer6Response, "certificate signed by an unknown authority (CN=Testing CA)"},
		{"any name, expired", secureServer(t, old), `{"ca": "$", "verify": "chain"}`, pool.Layer6Response, "certificate expired on " + date(-3*days)},
		{"not verified", good, `{"verify": "none", "server_name": "no.example"}`, pool.Layer6OK, ""},
		{"expired", secureServer(t, old), `{"ca": "$", "server_name": "web.example"}`, pool.Layer6Response, "certificate expired on " + date(-3*days)},
		{"expired, not verified", secureServer(t, old), `{"verify": "none"}`, pool.Layer6OK, ""},
		{"expired, but looked at", secureServer(t, old), `{"verify": "none", "fail_before": "1h"}`, pool.Layer6Response, "certificate for web.example expired on " + date(-3*days)},
		{"too young", secureServer(t, young), `{"ca": "$", "server_name": "web.example"}`, pool.Layer6Response, "certificate is not valid before " + date(3*days)},
		{"expired authority", signedBy(t, newAuthority(t, "Dead CA", -time.Hour), leaf("web.example")), `{"ca": "$", "server_name": "web.example"}`, pool.Layer6Response, "certificate of the authority CN=Dead CA expired on " + date(-time.Hour)},
		{"a client's", secureServer(t, client), `{"ca": "$", "server_name": "web.example"}`, pool.Layer6Response, "certificate specifies an incompatible key usage"},
		{"1.2 is enough", oldest, `{"ca": "$", "server_name": "web.example"}`, pool.Layer6OK, ""},
		{"1.2 is not enough", oldest, `{"ca": "$", "server_name": "web.example", "min_version": "1.3"}`, pool.Layer6Response, "server says: protocol version not supported"},
		{"h2", h2, `{"ca": "$", "server_name": "web.example", "alpn": ["h2", "http/1.1"]}`, pool.Layer6OK, ""},
		{"not h2", h2, `{"ca": "$", "server_name": "web.example", "alpn": ["x"]}`, pool.Layer6Response, "server says: no application protocol"},
		{"no ALPN", good, `{"ca": "$", "server_name": "web.example", "alpn": ["h2"]}`, pool.Layer6Response, "server chose none of the protocols offered by ALPN"},
		{"optional ALPN", good, `{"ca": "$", "server_name": "web.example", "alpn": ["h2"], "alpn_optional": true}`, pool.Layer6OK, ""},
		{"fails early", good, `{"ca": "$", "server_name": "web.example", "fail_before": "101d"}`, pool.Layer6Response, "certificate for web.example, www.example expires on " + date(100*days)},
		{"not yet", good, `{"ca": "$", "server_name": "web.example", "fail_before": "99d", "warn_before": "2390h"}`, pool.Layer6OK, ""},
		{"fails early for its authority", expiring, `{"ca": "$", "server_name": "web.example", "fail_before": "21d"}`, pool.Layer6Response, "certificate of the authority CN=Tired CA expires on " + date(20*days)},
		{"the leaf alone if none is verified", expiring, `{"verify": "none", "fail_before": "21d"}`, pool.Layer6OK, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := provisioned(t, "tls", strings.ReplaceAll(test.config, "$", test.server.ca))
			got := checked(c, to(test.server.serve(t)))
			expectResult(t, got, test.code, test.info)
			if got.Warning != "" {
				t.Errorf("it warns: %s", got.Warning)
			}
		})
	}
	c := provisioned(t, "tls", `{"warn_before": "101d", "fail_before": "99d", "server_name": "web.example", "ca": "`+good.ca+`"}`)
	got := checked(c, to(good.serve(t)))
	if want := "certificate for web.example, www.example expires on " + date(100*days); got.Code != pool.Layer6OK || got.Warning != want {
		t.Errorf("got %s %q", got.Code, got.Warning)
	}
}

// TestBrokenHandshakes covers each way in which a handshake can fail.
func TestBrokenHandshakes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		server func(*net.TCPConn)
		code   pool.Code
		info   string
	}{
		"closes":             {afterFirst(closes), pool.Layer6Response, "closed by the server"},
		"resets":             {afterFirst(resets), pool.Layer6Response, "connection reset by peer"},
		"silent":             {silent, pool.Layer6Timeout, ""},
		"not TLS":            {afterFirst(says("HTTP/1.1 400 Bad Request\r\n\r\n")), pool.Layer6Response, `not TLS: got "HTTP/"`},
		"alert":              {afterFirst(says("\x15\x03\x01\x00\x02\x02\x28")), pool.Layer6Response, "server says: handshake failure"},
		"silent after begin": {afterFirst(says("\x16\x03\x03\x00\x50\x02")), pool.Layer6Timeout, ""},
		"closes after begin": {afterFirst(saysAndCloses("\x16\x03\x03\x00\x50\x02")), pool.Layer6Response, "closed by the server"},
	} {
		t.Run(name, func(t *testing.T) {
			address := serve(t, test.server)
			for kind, config := range map[string]string{
				"tls": `{"verify": "none"}`, "http": `{"tls": {"verify": "none"}}`,
			} {
				t.Run(kind, func(t *testing.T) {
					expectCheck(t, provisioned(t, kind, config), address, test.code, test.info)
				})
			}
			c := provisioned(t, "tcp_script", `{"steps": [{"connect": {"tls": {"verify": "none"}}}]}`)
			info := "at step 1 (connect)"
			if test.info != "" {
				info += ": " + test.info
			}
			expectCheck(t, c, address, test.code, info)
		})
	}
}

func TestUnixSocketNeedsServerName(t *testing.T) {
	path := t.TempDir() + "/s"
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := secureServer(t, leaf("web.example"))
	serveOn(t, l, func(c net.Conn) { io.Copy(io.Discard, s.wrap(c)) })
	target := pool.Target{Network: "unix", Address: path, Timeout: ample}
	expectResult(t, checked(provisioned(t, "tls", `{}`), target), pool.Layer6Response, "verifying the certificate of a Unix socket: expected server_name")
	expectResult(t, checked(provisioned(t, "tls", `{"verify": "none"}`), target), pool.Layer6OK, "")
	expectResult(t, checked(provisioned(t, "tls", `{"server_name": "web.example", "ca": "`+s.ca+`"}`), target), pool.Layer6OK, "")
}

// TestClientHello expects the server name in the hello, and no resumed session.
func TestClientHello(t *testing.T) {
	t.Parallel()
	s := secureServer(t, leaf("web.example"))
	var mu sync.Mutex
	var seen []string
	s.config.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, fmt.Sprint(h.ServerName, h.SupportedProtos, tls.VersionName(slices.Min(h.SupportedVersions)), "-", tls.VersionName(slices.Max(h.SupportedVersions)), slices.Contains(h.Extensions, 41)))
		return nil, nil
	}
	address := s.serve(t)
	c := provisioned(t, "tls", `{"verify": "none", "server_name": "web.example", "alpn": ["a", "b"], "alpn_optional": true}`)
	checked(c, to(address))
	checked(c, to(address))
	checked(provisioned(t, "ssl_hello", `{"server_name": "other.example"}`), to(address))
	checked(provisioned(t, "ssl_hello", `{}`), to(address))
	_, port, _ := net.SplitHostPort(address)
	checked(provisioned(t, "tls", `{"verify": "none"}`), to("localhost:"+port))
	checked(provisioned(t, "http", `{"tls": {"verify": "none"}}`), targetWithTimeout(5*soon, address))
	checked(provisioned(t, "tls", `{"verify": "none", "min_version": "1.3"}`), to(address))
	want := []string{
		"web.example[a b]TLS 1.2-TLS 1.3false", "web.example[a b]TLS 1.2-TLS 1.3false", "other.example[]TLS 1.2-TLS 1.3false", "[]TLS 1.2-TLS 1.3false",
		"localhost[]TLS 1.2-TLS 1.3false", "[http/1.1]TLS 1.2-TLS 1.3false", "[]TLS 1.3-TLS 1.3false",
	}
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(seen, want) {
		t.Errorf("got  %q\nwant %q", seen, want)
	}
}

func TestSSLHello(t *testing.T) {
	for name, test := range map[string]struct {
		server func(*net.TCPConn)
		code   pool.Code
		info   string
	}{
		"hello":        {afterFirst(says("\x16\x03\x03\x00\x50")), pool.Layer6OK, ""},
		"in two":       {afterFirst(says("\x16\x03\x03", "\x00\x50")), pool.Layer6OK, ""},
		"alert":        {afterFirst(says("\x15\x03\x01\x00\x02\x02\x28")), pool.Layer6OK, ""},
		"hello, close": {afterFirst(saysAndCloses("\x16\x03\x03\x00\x50")), pool.Layer6OK, ""},
		"too short":    {afterFirst(says("\x16\x03\x03\x00")), pool.Layer6Timeout, ""},
		"closes early": {afterFirst(saysAndCloses("\x16")), pool.Layer6OK, ""},
		"early, other": {afterFirst(saysAndCloses("\x17\x03\x03\x00")), pool.Layer6Response, `closed by the server after "\x17\x03\x03\x00"`},
		"other":        {afterFirst(says("SSH-2.0")), pool.Layer6Response, `not TLS: got "SSH-2"`},
		"data":         {afterFirst(says("\x17\x03\x03\x00\x50")), pool.Layer6Response, `not TLS: got "\x17\x03\x03\x00P"`},
		"below":        {afterFirst(says("\x14\x03\x03\x00\x50")), pool.Layer6Response, `not TLS: got "\x14\x03\x03\x00P"`},
		"closes":       {afterFirst(closes), pool.Layer6Response, "closed by the server"},
		"resets":       {afterFirst(resets), pool.Layer6Response, "connection reset by peer"},
		"silent":       {silent, pool.Layer6Timeout, ""},
	} {
		t.Run(name, func(t *testing.T) {
			expectCheck(t, new(SSLHello), serve(t, test.server), test.code, test.info)
		})
	}
}

// A directory of roots may hold other files, which are ignored.
func TestRootsInDirectory(t *testing.T) {
	s, dir := secureServer(t, leaf("web.example")), t.TempDir()
	text, err := os.ReadFile(s.ca)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"a.crt": text, "b.pem": []byte("nothing"), "README": nil} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := fmt.Sprintf(`{"ca": %q, "server_name": "web.example"}`, dir)
	expectResult(t, checked(provisioned(t, "tls", config), to(s.serve(t))), pool.Layer6OK, "")
	_, err = load("tls", fmt.Sprintf(`{"ca": %q}`, t.TempDir()))
	contains(t, err, "holds no certificate: expected PEM")
}

// TestOpenSSL repeats the handshakes with another TLS implementation.
func TestOpenSSL(t *testing.T) {
	need(t, "openssl")
	ca := newAuthority(t, "Testing CA", 1000*days)
	old := leaf("web.example")
	old.NotBefore, old.NotAfter = time.Now().Add(-10*days), time.Now().Add(-3*days)
	file := pemFile(t, ca.pem)
	good := fmt.Sprintf(`{"ca": %q, "server_name": "web.example"}`, file)
	for _, test := range []struct {
		name, flags, module, config string
		cert                        *x509.Certificate
		code                        pool.Code
		info                        string
	}{
		{"valid", "", "tls", good, leaf("web.example"), pool.Layer6OK, ""},
		{"expired", "", "tls", good, old, pool.Layer6Response, "certificate expired on " + date(-3*days)},
		{"wrong name", "", "tls", good, leaf("a.example"), pool.Layer6Response, "certificate is for a.example, not for web.example"},
		{"unknown authority", "", "tls", `{"server_name": "web.example"}`, leaf("web.example"), pool.Layer6Response, "certificate signed by an unknown authority (CN=Testing CA)"},
		{"1.2 alone", "-tls1_2", "tls", good, leaf("web.example"), pool.Layer6OK, ""},
		{"1.2 is too old", "-tls1_2", "tls", good[:len(good)-1] + `, "min_version": "1.3"}`, leaf("web.example"), pool.Layer6Response, "server says: protocol version not supported"},
		{"ALPN", "-alpn h2", "tls", good[:len(good)-1] + `, "alpn": ["h2"]}`, leaf("web.example"), pool.Layer6OK, ""},
		{"no ALPN", "", "tls", good[:len(good)-1] + `, "alpn": ["h2"]}`, leaf("web.example"), pool.Layer6Response, "server chose none of the protocols offered by ALPN"},
		{"hello", "", "ssl_hello", `{}`, leaf("web.example"), pool.Layer6OK, ""},
		{"hello to 1.2", "-tls1_2", "ssl_hello", `{}`, leaf("web.example"), pool.Layer6OK, ""},
		{"hello to 1.1 is answered with an alert", "-tls1_1", "ssl_hello", `{}`, leaf("web.example"), pool.Layer6OK, ""},
		{"page", "-www", "http", `{"tls": ` + good + `, "body_matches": "(?i)cipher", "body_not_contains": "nonsense"}`, leaf("web.example"), pool.Layer7OK, "200 ok"},
		{"echo", "-rev", "tcp_script", `{"steps": [{"connect": {"tls": ` + good + `}}, {"send": "olleh\n"}, {"expect": {"string": "hello"}}]}`, leaf("web.example"), pool.Layer7OK, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			address := openssl(t, sign(t, test.cert, &ca), strings.Fields(test.flags)...)
			expectResult(t, checked(provisioned(t, test.module, test.config), to(address)), test.code, test.info)
		})
	}
}

// openssl runs openssl s_server and returns its address.
func openssl(t *testing.T, cert authority, flags ...string) string {
	t.Helper()
	key, err := x509.MarshalECPrivateKey(cert.key)
	if err != nil {
		t.Fatal(err)
	}
	both := pemFile(t, append(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: key}), cert.pem...))
	args := append([]string{"s_server", "-accept", "127.0.0.1:0", "-cert", both, "-key", both}, flags...)
	command := exec.Command("openssl", args...)
	in, err := command.StdinPipe() // closing it ends the server
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	var read sync.WaitGroup
	t.Cleanup(func() {
		in.Close()
		command.Process.Kill()
		read.Wait()
		command.Wait()
	})
	text := ""
	for buffer := make([]byte, 512); ; {
		if accept := regexp.MustCompile(`ACCEPT (127\.0\.0\.1:\d+)\n`).FindStringSubmatch(text); accept != nil {
			read.Go(func() { io.Copy(io.Discard, out) })
			return accept[1]
		}
		n, err := out.Read(buffer)
		text += string(buffer[:n])
		if err != nil {
			t.Fatalf("openssl %v: %v: %s", args, err, text)
		}
	}
}

func TestTLSMistakes(t *testing.T) {
	empty := pemFile(t, []byte("nothing"))
	for config, want := range map[string]string{
		`{"verify": "nome"}`:                             `verify: unknown word "nome"; did you mean "none"?`,
		`{"min_version": "1.4"}`:                         `min_version: unknown word "1.4"`,
		`{"alpn": ["h2", ""]}`:                           `alpn: "": expected a protocol name`,
		`{"alpn_optional": true}`:                        "alpn_optional requires alpn",
		`{"ca": "/x", "verify": "none"}`:                 "ca and verify none are mutually exclusive",
		`{"ca": "/nowhere/x.pem"}`:                       "ca: open /nowhere/x.pem: no such file or directory",
		`{"ca": "` + empty + `"}`:                        "holds no certificate: expected PEM",
		`{"warn_before": -1}`:                            "warn_before -1ns: expected a duration greater than zero",
		`{"fail_before": -1}`:                            "fail_before -1ns: expected a duration greater than zero",
		`{"warn_before": "5s", "fail_before": "5s"}`:     "warn_before 5s: expected more than fail_before 5s",
		`{"alpn": ["` + strings.Repeat("x", 256) + `"]}`: "expected a protocol name",
		`{"server": "x"}`:                                `unknown field "server"`,
	} {
		_, err := load("tls", config)
		contains(t, err, want)
		if config != `{"server": "x"}` {
			_, err = load("tcp_script", `{"steps": [{"connect": {}}, {"connect": {"tls": `+config+`}}]}`)
			contains(t, err, "step 2: connect: tls: ")
		}
	}
}
