// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// startSenders runs a frontend before one server for each version of the header, which clients
// choose by the name v1.example.test or v2.example.test.
func startSenders(t *testing.T, server string) (p *process, address string) {
	t.Helper()
	address = freeAddress(t)
	return start(t, fmt.Sprintf(`passthrough {
	frontend tls {
		bind %[1]s
		unique_id id-%%[src]
		accept_proxy optional 127.0.0.0/8
		use_backend v1 sni v1.example.test
		default_backend v2
	}
	backend v1 {
		server s1 %[2]s send_proxy v1
	}
	backend v2 {
		server s1 %[2]s send_proxy v2 proxy_v2_options authority,alpn,unique_id,ssl,crc32c
	}
}`, address, server), ""), address
}

// startNginxProxied runs an nginx that expects headers: with stream it answers the addresses in
// them, with http over TLS as a page.
func startNginxProxied(t *testing.T, stream, web, cert, key string) {
	t.Helper()
	if _, err := os.Stat(nginxStream); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	dir := t.TempDir()
	const answer = "$proxy_protocol_addr:$proxy_protocol_port $proxy_protocol_server_addr:$proxy_protocol_server_port"
	config := fmt.Sprintf(`load_module %[1]s; daemon off; master_process off; pid %[2]s/pid; error_log %[2]s/error.log; events { }
stream {
	server { listen %[3]s proxy_protocol; return "%[7]s"; }
}
http {
	access_log off;
	client_body_temp_path %[2]s/1; proxy_temp_path %[2]s/2; fastcgi_temp_path %[2]s/3; uwsgi_temp_path %[2]s/4; scgi_temp_path %[2]s/5;
	server {
		listen %[4]s ssl proxy_protocol;
		ssl_certificate %[5]s; ssl_certificate_key %[6]s;
		set_real_ip_from 127.0.0.0/8; real_ip_header proxy_protocol;
		location / { return 200 "$remote_addr $proxy_protocol_addr:$proxy_protocol_port"; }
	}
}`, nginxStream, dir, stream, web, cert, key, answer)
	runServer(t, "nginx", "-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", write(t, "nginx.conf", []byte(config)))
}

// TestHeadersToNginx sends headers of both versions to nginx, whose variables have the client's
// addresses: from the connection, or from a header of another proxy in front.
func TestHeadersToNginx(t *testing.T) {
	t.Parallel()
	a, stream, web := newAuthority(t), freeAddress(t), freeAddress(t)
	cert, key := a.issue(t, "v1.example.test", 30)
	startNginxProxied(t, stream, web, cert, key)
	_, address := startSenders(t, stream)
	for _, name := range []string{"v1.example.test", "v2.example.test"} {
		hello := hellotest.Hello(t, name, "h2")
		for header, want := range map[string]string{"": "", lineOf4: clientOf4 + " " + serverOf4, lineOf6: "2001:db8::7:50676 2001:db8::1:443"} {
			got := speak(address, append([]byte(header), hello...), 1<<20, false)
			if want = cmp.Or(want, got.from()+" "+address); string(got.answer) != want {
				t.Errorf("%s, behind %q: nginx saw %q (%v), want %q", name, header, got.answer, got.err, want)
			}
		}
	}
	_, overTLS := startSenders(t, web)
	out, err := run(t, "curl", "--silent", "--show-error", "--max-time", "45", "--cacert", a.ca(), "--interface", "127.0.0.7",
		"--write-out", " %{local_ip}:%{local_port}", "--resolve", "v1.example.test:"+portOf(t, overTLS)+":127.0.0.1", "https://v1.example.test:"+portOf(t, overTLS)+"/")
	seen, local, _ := strings.Cut(strings.TrimPrefix(out, "127.0.0.7 "), " ")
	if err != nil || seen != local || seen == "" || !strings.HasPrefix(out, "127.0.0.7 127.0.0.7:") {
		t.Errorf("over TLS: %q (%v)", out, err)
	}
}

// TestHeadersToCaddy sends headers of both versions to a site of another Caddy with its listener
// wrapper, which sees the client's address.
func TestHeadersToCaddy(t *testing.T) {
	t.Parallel()
	web := freeAddress(t)
	wrapper := fmt.Sprintf("servers %s {\n listener_wrappers {\n proxy_protocol {\n allow 127.0.0.0/8\n }\n tls\n }\n }", web)
	server := start(t, wrapper, strings.Replace(site("web", web), "{http.request.host}", "{remote}", 1))
	_, address := startSenders(t, web)
	for _, name := range []string{"v1.example.test", "v2.example.test"} {
		out, err := server.curl(t, address, name, " %{local_ip}:%{local_port}", "--interface", "127.0.0.7")
		words := strings.Fields(out)
		if err != nil || len(words) != 3 || words[0] != "web" || words[1] != words[2] || !strings.HasPrefix(words[1], "127.0.0.7:") {
			t.Errorf("%s: %q (%v)", name, out, err)
		}
	}
}

// datagrams returns the address of a receiver of HAProxy's log, and the lines there that have a
// format of the test's own.
func datagrams(t *testing.T) (address string, lines <-chan string) {
	t.Helper()
	in, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	out := make(chan string, 100)
	go func() {
		for buf := make([]byte, 64<<10); ; {
			n, _, err := in.ReadFrom(buf)
			if err != nil {
				return
			}
			if _, line, ok := strings.Cut(string(buf[:n]), "> "); ok {
				out <- strings.TrimSpace(line)
			}
		}
	}()
	return in.LocalAddr().String(), out
}

// TestHeadersToHAProxy sends headers to HAProxy, directly and over a second frontend of ours. Its
// log has the client, the server name as authority, the ID of the first frontend and, if its
// version can log it, the protocol; all of this survives the chain, and a header in front of it.
func TestHeadersToHAProxy(t *testing.T) {
	t.Parallel()
	haproxy := cmp.Or(os.Getenv("HAPROXY"), programs.Need(t, "haproxy"))
	branch, err := programs.Branch(haproxy)
	if err != nil {
		t.Fatal(err)
	}
	alpn, protocol := "%[fc_pp_tlv(1)]", " h2"
	if strings.HasPrefix(branch, "2.") && branch != "2.9" {
		alpn, protocol = "", ""
	}
	front, server := freeAddress(t), listen(t, sendBack)
	log, lines := datagrams(t)
	startHAProxy(t, haproxy, write(t, "haproxy.cfg", fmt.Appendf(nil, `
defaults
	mode tcp
	timeout connect 10s
	timeout client 1m
	timeout server 1m
listen in
	bind %s accept-proxy
	log %s local0
	log-format "> %%ci:%%cp %%fi:%%fp %%[fc_pp_authority] %%[fc_pp_unique_id] %s"
	server s1 %s
`, front, log, alpn, server)))
	until(t, "HAProxy listens", func() bool {
		c, err := net.Dial("tcp", front)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	_, second := startSenders(t, front)
	_, first := startSenders(t, second)
	hello := hellotest.Hello(t, "v2.example.test", "h2")
	for name, address := range map[string]string{"direct": second, "chain": first} {
		for header, client := range map[string]string{"": "", lineOf4: clientOf4, lineOf6: "2001:db8::7:50676"} {
			got := speak(address, append([]byte(header), hello...), 1<<20, true)
			local := map[string]string{"": address, lineOf4: serverOf4, lineOf6: "2001:db8::1:443"}[header]
			client = cmp.Or(client, got.from())
			host := client[:strings.LastIndex(client, ":")]
			want := fmt.Sprintf("%s %s v2.example.test id-%s%s", client, local, host, protocol)
			select {
			case line := <-lines:
				if line != want || string(got.answer) != string(hello) {
					t.Errorf("%s, behind %q: HAProxy logged %q, want %q; %d bytes came back (%v)", name, header, line, want, len(got.answer), got.err)
				}
			case <-time.After(patience):
				t.Errorf("%s, behind %q: no line in HAProxy's log", name, header)
			}
		}
	}
}

// TestServerRefusesHeader connects to servers that do not expect a header and reset, close or
// answer with an alert. The log tells that apart from the same without a header.
func TestServerRefusesHeader(t *testing.T) {
	t.Parallel()
	reset := listen(t, func(c *net.TCPConn) { _, _ = c.Read(make([]byte, 1)); _ = c.SetLinger(0) })
	closed := listen(t, func(c *net.TCPConn) {
		_, _ = c.Read(make([]byte, 4096))
	})
	alert := listen(t, func(c *net.TCPConn) { _, _ = c.Read(make([]byte, 4096)); _, _ = c.Write(decodeError) })
	address := freeAddress(t)
	var backends strings.Builder
	for name, at := range map[string]string{"reset": reset, "closed": closed, "alert": alert} {
		for words, sent := range map[string]string{"with": "send_proxy v2", "without": ""} {
			fmt.Fprintf(&backends, "backend %s-%s.example.test {\n server s1 %s %s\n }\n", name, words, at, sent)
		}
	}
	p := start(t, fmt.Sprintf("passthrough {\nfrontend tls {\n bind %s\n use_backend {l4.client_hello.sni}\n }\n%s}", address, &backends), "")
	n := 0
	for _, name := range []string{"reset", "closed", "alert"} {
		for _, words := range []string{"with", "without"} {
			got := speak(address, hellotest.Hello(t, name+"-"+words+".example.test"), 1<<20, false)
			n++
			l := p.byPeer(t, n)[got.from()]
			if hinted := strings.Contains(l.Error, "PROXY"); hinted != (words == "with" && name != "alert") || l.Backend == "" {
				t.Errorf("%s, %s a header: log line %+v", name, words, l)
			}
		}
	}
}
