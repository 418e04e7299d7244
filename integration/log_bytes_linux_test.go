// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/printable"
)

// byteClient is a client that sends bytes of all kinds in whatever the log repeats.
type byteClient struct {
	name, authority, uniqueID string
	alpn                      []string
}

func (c byteClient) raw() []byte {
	header := headerV2(proxyCommand, tcp4, addresses4(), tlv(authorityTLV, c.authority), tlv(uniqueIDTLV, c.uniqueID))
	return slices.Concat(header, hellotest.Plain(hellotest.SNI(c.name), hellotest.ALPN(c.alpn...)).Raw())
}

// byteClients returns clients that send every byte in each text, and some that look like lines.
func byteClients() []byteClient {
	var all []byte
	for b := range 256 {
		all = append(all, byte(b))
	}
	low, high := string(all[:128]), string(all[128:])
	injected := "a\n{\"level\":\"error\",\"msg\":\"session\"}\r\n\x1b[2J\x1b]0;x\a\u009b31m\u202e"
	return []byteClient{
		{name: low[1:], authority: low, uniqueID: low, alpn: []string{low, high}},
		{name: high, authority: high, uniqueID: high, alpn: []string{high, low}},
		{name: injected, authority: injected, uniqueID: injected, alpn: []string{injected, `\x41`}},
		{name: `\x41\\`, authority: `\`, uniqueID: `"`, alpn: []string{`\`, "h2"}},
	}
}

// checkLine reports a line that is not one line of printable text.
func checkLine(t *testing.T, line []byte) {
	t.Helper()
	text := string(bytes.TrimSuffix(line, []byte("\n")))
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("not printable: %q", line)
	}
}

// checkFields compares the fields of a line with what the client sent.
func checkFields(t *testing.T, object []byte, c byteClient) {
	t.Helper()
	var l logLine
	if err := json.Unmarshal(object, &l); err != nil {
		t.Errorf("%v in %q", err, object)
		return
	}
	if l.End != "no_address" || l.Error == "" {
		t.Errorf("%q: want an error about the server's address", object)
	}
	got, want := []string{l.SNI, l.Authority, l.UniqueID}, []string{c.name, c.authority, c.uniqueID}
	got, want = append(got, l.ALPN...), append(want, c.alpn...)
	for i, text := range got {
		if i == 0 { // names are compared in lower case, of ASCII
			want[0] = lowerASCII(want[0])
		}
		if b := printable.Bytes(text); string(b) != want[i] {
			t.Errorf("text %d: %q, want %q", i, b, want[i])
		}
	}
}

// lowerASCII returns the text with its ASCII letters in lower case.
func lowerASCII(text string) string {
	b := []byte(text)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] += 'a' - 'A'
		}
	}
	return string(b)
}

// TestBytesInTheLog sends every byte in the texts of a client that are logged, and recovers them
// from lines in JSON, for the console and by syslog. The addresses of servers and the errors, too,
// depend on what the client sends.
func TestBytesInTheLog(t *testing.T) {
	t.Parallel()
	conn, address := listenUDP(t), freeAddress(t)
	dir := t.TempDir()
	object, console := filepath.Join(dir, "object.log"), filepath.Join(dir, "console.log")
	log := func(name, output string) string {
		return "\nlog " + name + " {\n include passthrough.frontend\n output " + output + "\n}"
	}
	p := start(t, fmt.Sprintf(`passthrough {
	frontend tls {
		bind %s {
			accept_proxy 127.0.0.0/8
		}
		default_backend named
	}
	backend named {
		retries 0
		server s1 {l4.client_hello.sni}:443
	}
}`, address)+log("object", "file "+object)+log("console", "file "+console+"\n format console")+log("sent", "syslog "+conn.LocalAddr().String()+" {\n format raw\n }"), "")
	clients := byteClients()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	for _, c := range clients {
		speak(address, c.raw(), 1<<20, false)
		b := make([]byte, 65536)
		n, err := conn.Read(b)
		if err != nil {
			t.Fatalf("%v\n%s", err, p.log())
		}
		checkLine(t, b[:n])
		checkFields(t, b[:n], c)
	}
	for _, file := range []string{object, console} {
		lines := awaitLines(t, file, len(clients))
		if len(lines) != len(clients) {
			t.Errorf("%d lines of %d clients: %q", len(lines), len(clients), lines)
			continue
		}
		for i, line := range lines {
			// The console has colored columns before the object.
			object := []byte(line[max(0, strings.IndexByte(line, '{')):])
			checkLine(t, object)
			checkFields(t, object, clients[i])
		}
	}
}
