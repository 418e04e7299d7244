// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// lengths are headers of version 2 with each length around those of the addresses, and whether they
// are valid: the rest is TLVs of three zero bytes.
func lengths() (headers [][]byte, valid []bool) {
	sizes := map[byte]int{unspecified: 0, tcp4: 12, udp4: 12, tcp6: 36, udp6: 36, unixStream: 216, unixDgram: 216, 0x10: -1, 0x01: -1, 0x41: -1, 0xff: -1}
	for family, size := range sizes {
		all := []int{0, 1, 2, 3, 11, 12, 13, 14, 15, 35, 36, 37, 38, 39, 52, 107, 108, 214, 215, 216, 217, 218, 219, 255, 256, 231, 65532, 65535}
		for _, length := range all {
			headers = append(headers, headerV2(proxyCommand, family, make([]byte, length)))
			valid = append(valid, size >= 0 && length >= size && (length-size)%3 == 0)
		}
		headers, valid = append(headers, headerV2(localCommand, family, make([]byte, size+3))), append(valid, true)
	}
	for command := range 256 {
		headers, valid = append(headers, headerV2(byte(command), tcp4, addresses4())), append(valid, command == localCommand || command == proxyCommand)
	}
	return headers, valid
}

// refuseOrServe sends each header, whole and cut, with a hello behind it: a valid one is served,
// any other refused, and the process lives.
func refuseOrServe(t *testing.T, headers [][]byte, valid []bool) {
	t.Helper()
	p, address := startReceiver(t, "")
	hello := hellotest.Hello(t, "www.example.test")
	talks := make([]talk, 2*len(headers))
	together(len(talks), func(i int) {
		raw, cut := slices.Concat(headers[i/2], hello), 0
		if i%2 == 1 {
			cut = 16
		}
		talks[i] = speakCut(address, raw, cut)
	})
	lines := p.byPeer(t, len(talks))
	for i, got := range talks {
		end, answer := "proxy_header_invalid", []byte(nil)
		if valid[i/2] {
			end, answer = "complete", hello
		}
		if l := lines[got.from()]; l.End != end || !bytes.Equal(got.answer, answer) {
			t.Errorf("%x, %d bytes: log line %+v, want %s; %d bytes came back", headers[i/2][12:min(40, len(headers[i/2]))], len(headers[i/2]), l, end, len(got.answer))
		}
	}
}

// TestCVE_2019_14243: a plugin of Caddy 1 panicked on an invalid header of version 2. Here every
// combination of a family, a command and a length is either valid or refused.
func TestCVE_2019_14243(t *testing.T) {
	t.Parallel()
	headers, valid := lengths()
	refuseOrServe(t, headers, valid)
}

// TestCVE_2019_10097: Apache's mod_remoteip overflowed its stack by the length of a header, and
// dereferenced a null pointer for one without addresses. The headers announce more or less than
// follows, or than the family needs.
func TestCVE_2019_10097(t *testing.T) {
	t.Parallel()
	var headers [][]byte
	var valid []bool
	add := func(is bool, header []byte) { headers, valid = append(headers, header), append(valid, is) }
	for _, family := range []byte{tcp4, tcp6, unixStream} {
		add(false, headerV2(proxyCommand, family))
		add(false, headerV2(proxyCommand, family, bytes.Repeat([]byte("A"), 65535)))
		add(false, headerV2(proxyCommand, family, bytes.Repeat([]byte("A"), 11)))
		add(true, headerV2(localCommand, family))
		add(true, headerV2(localCommand, family, bytes.Repeat([]byte("A"), 65535)))
	}
	add(false, headerV2(proxyCommand, tcp4, addresses4(), []byte{authorityTLV, 0xff, 0xff}))
	add(false, headerV2(proxyCommand, tcp4, addresses4(), []byte{authorityTLV, 0, 2, 'a'}))
	add(false, headerV2(proxyCommand, tcp4, addresses4(), tlv(authorityTLV, strings.Repeat("a", 256))))
	add(false, headerV2(proxyCommand, tcp4, addresses4(), tlv(uniqueIDTLV, strings.Repeat("a", 129))))
	add(false, headerV2(proxyCommand, tcp4, addresses4(), tlv(3, "\x00\x00\x00\x00")))
	add(false, headerV2(proxyCommand, tcp4, addresses4(), tlv(3, "\x00")))
	add(true, headerV2(proxyCommand, tcp4, addresses4(), tlv(0x20, "\xff"), tlv(0x20, "")))
	for _, line := range invalidLines[3:] {
		add(false, []byte(line))
	}
	refuseOrServe(t, headers, valid)
}

// TestCVE_2023_42117: Exim corrupted memory while it parsed a header, which anything that could
// connect was able to send. Here a header from a source that is not named is refused, in every
// form; without accept_proxy it is the client's data, which is not TLS.
func TestCVE_2023_42117(t *testing.T) {
	t.Parallel()
	hello := hellotest.Hello(t, "www.example.test")
	headers := map[string][]byte{
		"v1": []byte(lineOf4), "v2": headerV2(proxyCommand, tcp4, addresses4()), "local": headerV2(localCommand, unspecified),
		"invalid v1": []byte("PROXY \r\n"), "invalid v2": headerV2(0x7f, 0xff, make([]byte, 300)), "64 KiB": headerV2(proxyCommand, tcp4, make([]byte, 65535)),
	}
	const layer4 = "layer4 {\n durable/%s {\n route {\n passthrough {\n default_backend web\n inspect_delay 10m\n %s\n }\n }\n }\n}\n passthrough {\n backend web {\n server s1 %s\n }\n}"
	origin := listen(t, sendBack)
	for name, c := range map[string]struct {
		config, options, end, outcome string
	}{
		"bind":       {strings.Replace(receiver("%[1]s", "%[3]s", "%[2]s"), "127.0.0.0/8", "127.0.0.1 10.0.0.0/8", 1), "", "proxy_header_not_allowed", "not_tls"},
		"not TLS":    {strings.Replace(receiver("%[1]s", "%[3]s", "%[2]s"), "127.0.0.0/8", "127.0.0.1", 1), "on not_tls default\n on malformed default", "proxy_header_not_allowed", "not_tls"},
		"content":    {strings.NewReplacer("127.0.0.0/8", "127.0.0.1", "inspect_delay 10m", "").Replace(receiver("%[1]s", "%[3]s", "%[2]s")), "content {\n inspect_delay 10m\n accept acl req.len gt 0\n }", "proxy_header_not_allowed", "not_tls"},
		"layer4":     {layer4, "accept_proxy 127.0.0.1", "proxy_header_not_allowed", "not_tls"},
		"optional":   {layer4, "accept_proxy optional 127.0.0.1", "proxy_header_not_allowed", "not_tls"},
		"unix alone": {layer4, "accept_proxy unix", "proxy_header_not_allowed", "not_tls"},
		"none":       {layer4, "", "refused", "not_tls"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := freeAddress(t)
			p := start(t, fmt.Sprintf(c.config, address, c.options, origin), "")
			n := 0
			for kind, header := range headers {
				for _, cut := range []int{0, 1, 6, 12, len(header)} {
					n++
					got := speakCut(address, slices.Concat(header, hello), cut)
					l := p.byPeer(t, n)[got.from()]
					if l.End != c.end || l.Termination != "PR" || l.Outcome != c.outcome || l.Backend != "" || l.Peer != "" || len(got.answer) > 0 {
						t.Errorf("%s, cut at %d: log line %+v, want %s; %q came back", kind, cut, l, c.end, got.answer)
					}
				}
			}
			request := []byte("PROPFIND / HTTP/1.1\r\n\r\n") // a header until its fourth byte
			served := strings.Contains(c.options, "default") || strings.Contains(c.options, "accept acl")
			if got := speak(address, request, 3, true); served != bytes.Equal(got.answer, request) {
				t.Errorf("%q came back of a request", got.answer)
			}
			n++
			got := speak(address, hello, 1<<20, true)
			if l := p.byPeer(t, n+1)[got.from()]; !bytes.Equal(got.answer, hello) || l.End != "complete" || l.Client != got.from() {
				t.Errorf("without a header: %d bytes (%v), log line %+v", len(got.answer), got.err, l)
			}
		})
	}
}

// TestCVE_2024_35175: sshpiper accepted headers from anything that connected. Here accept_proxy
// without sources is an error, wherever it is written.
func TestCVE_2024_35175(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	caddyfile := "{\n" + receiver(address, "127.0.0.1:9", "") + "\n}\n"
	for name, text := range map[string]string{
		"bind":         strings.Replace(caddyfile, "accept_proxy 127.0.0.0/8", "accept_proxy", 1),
		"required":     strings.Replace(caddyfile, "accept_proxy 127.0.0.0/8", "accept_proxy required", 1),
		"optional":     strings.Replace(caddyfile, "accept_proxy 127.0.0.0/8", "accept_proxy optional", 1),
		"netscaler":    strings.Replace(caddyfile, "accept_proxy 127.0.0.0/8", "accept_netscaler_cip 0x1234", 1),
		"frontend":     strings.Replace(caddyfile, "inspect_delay", "accept_proxy\n inspect_delay", 1),
		"handler":      inFrontend("accept_proxy"),
		"a rule":       inFrontend("default_backend web\n connection {\n expect_proxy\n }"),
		"JSON":         jsonApp(`"tls": {"bind": [{"address": "` + address + `", "accept_proxy": [{}]}], "default_backend": "web"}`),
		"JSON, null":   jsonApp(`"tls": {"bind": [{"address": "` + address + `", "accept_proxy": [null]}], "default_backend": "web"}`),
		"JSON, empty":  jsonApp(`"tls": {"accept_proxy": [{"from": []}], "bind": [{"address": "` + address + `"}], "default_backend": "web"}`),
		"JSON, a rule": jsonApp(`"tls": {"connection": [{"action": "expect_proxy"}], "bind": [{"address": "` + address + `"}], "default_backend": "web"}`),
	} {
		args := []string{"validate", "--config"}
		file := write(t, "Caddyfile", []byte(text))
		if strings.HasPrefix(name, "JSON") {
			file = write(t, "caddy.json", []byte(text))
		}
		cmd := command(t, t.TempDir(), append(args, file)...)
		out, err := cmd.CombinedOutput()
		if _, failed := err.(*exec.ExitError); !failed { //nolint:errorlint // exec returns it unwrapped
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		if !strings.Contains(string(out), "no source of headers") && !strings.Contains(string(out), "expect_proxy") {
			t.Errorf("%s: refused for another reason:\n%s", name, out)
		}
	}
	if out, err := command(t, t.TempDir(), "validate", "--config", write(t, "Caddyfile", []byte(caddyfile))).CombinedOutput(); err != nil {
		t.Errorf("with a source: %v\n%s", err, out)
	}
}
