// SPDX-License-Identifier: Apache-2.0

//go:build !generalway

package frontend

import (
	"encoding/hex"
	"io"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/logformat"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// Servers get the header and the hello, in both ways; the log counts the client's bytes alone.
func TestSendHeader(t *testing.T) {
	hello := hellotest.Hello(t, "a.example.test", "h2", "http/1.1")
	const (
		signature = "0d0a0d0a000d0a515549540a"
		ports     = "(....)(....)"
	)
	loopback := HeaderPolicy{{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}}
	// A header with authority, unique ID, ALPN, namespace and a TLV of its own.
	received := mustHex(signature + "2111 0026 c6336407 c0000201 c5f4 01bb 02 0005 612e746c64 05 0001 75 01 0002 6833 30 0002 6e73 ea 0001 78")
	id, err := logformat.Parse(new(sample.Loader), "id-%[str(x)]", logformat.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		server string
		config Config
		before []byte // the hello
		want   string // a regular expression for the header, in hex unless it begins with PROXY
	}{
		"none":            {server: ``, want: ``},
		"v1":              {server: `"send_proxy": "v1"`, want: `PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 \d+ \d+`},
		"v2":              {server: `"send_proxy": "v2"`, want: signature + "2111000c 7f000001 7f000001" + ports},
		"off":             {server: `"send_proxy": "off"`, want: ``},
		"options":         {server: `"send_proxy": "v2", "proxy_v2_options": ["ssl", "authority", "alpn"]`, want: signature + "2111002a 7f000001 7f000001" + ports + "010002 6832 02000e 612e6578616d706c652e74657374 200005 0000000000"},
		"checksum":        {server: `"send_proxy": "v2", "proxy_v2_options": ["crc32c"]`, want: signature + "21110013 7f000001 7f000001" + ports + "030004........"},
		"nothing to tell": {server: `"send_proxy": "v2", "proxy_v2_options": ["unique_id", "netns"]`, want: signature + "2111000c 7f000001 7f000001" + ports},
		"TLVs":            {server: `"send_proxy": "v2", "proxy_v2_tlvs": [{"type": 224, "value": "a"}, {"type": 2, "value": "{l4.client_hello.sni}"}, {"type": 225, "format": "%[req.ssl_sni,length]"}]`, want: signature + "21110026 7f000001 7f000001" + ports + "e00001 61 02000e 612e6578616d706c652e74657374 e10002 3134"},
		"unique ID":       {server: `"send_proxy": "v2", "proxy_v2_options": ["unique_id"]`, config: Config{UniqueID: id}, want: signature + "21110013 7f000001 7f000001" + ports + "050004 69642d78"},
		"passed on, v1":   {server: `"send_proxy": "v1"`, config: Config{AcceptProxy: loopback}, before: received, want: `PROXY TCP4 198\.51\.100\.7 192\.0\.2\.1 50676 443`},
		"passed on":       {server: `"send_proxy": "v2", "proxy_v2_options": ["authority", "alpn", "unique_id", "netns"]`, config: Config{AcceptProxy: loopback}, before: received, want: signature + "21110022 c6336407 c0000201 c5f4 01bb 010002 6833 020005 612e746c64 050001 75 300002 6e73"},
		"own ID":          {server: `"send_proxy": "v2", "proxy_v2_options": ["unique_id"]`, config: Config{AcceptProxy: loopback, UniqueID: id}, before: received, want: signature + "21110013 c6336407 c0000201 c5f4 01bb 050004 69642d78"},
		"a TLV passed on": {server: `"send_proxy": "v2", "proxy_v2_tlvs": [{"type": 234, "format": "%[fc_pp_tlv(0xea)]"}, {"type": 235, "value": "{l4.proxy_protocol.tlv.0xea}"}]`, config: Config{AcceptProxy: loopback}, before: received, want: signature + "21110014 c6336407 c0000201 c5f4 01bb ea0001 78 eb0001 78"},
		"local":           {server: `"send_proxy": "v2"`, config: Config{AcceptProxy: loopback}, before: mustHex(signature + "20000000"), want: signature + "2111000c 7f000001 7f000001" + ports},
		"mapped":          {server: `"send_proxy": "v1"`, config: Config{AcceptProxy: loopback}, before: []byte("PROXY TCP6 ::ffff:198.51.100.7 2001:db8::1 5 6\r\n"), want: `PROXY TCP6 ::ffff:198\.51\.100\.7 2001:db8::1 5 6`},
		"rules":           {server: `"send_proxy": "v2", "proxy_v2_options": ["authority"]`, config: Config{Content: compiled(t, `{"inspect_delay": "1h", "rules": [{"action": "accept", "match": [{"acl": [{"any": [{"fetch": "req.ssl_hello_type", "values": ["1"]}]}]}]}]}`)}, want: signature + "2111001d 7f000001 7f000001" + ports + "02000e 612e6578616d706c652e74657374"},
	} {
		for way, serve := range ways {
			t.Run(name+"/"+way, func(t *testing.T) {
				got := make(chan []byte, 1)
				server := programs.Listen(t, time.Minute, func(c *net.TCPConn) {
					b, _ := io.ReadAll(c)
					got <- b
				})
				options := c.server
				if options != "" {
					options = ", " + options
				}
				app := newAppOf(t, map[string]string{"web": `{"servers": [{"name": "s1", "address": "` + server + `"` + options + `}]}`})
				c.config.MaxHello, c.config.InspectDelay = 65536, time.Hour
				f, logged := frontendTo(app, "web", c.config)
				calls(t, f, serve, []clientDoes{sends(slices.Concat(c.before, hello)), finishes})
				fields := linesOf(t, f, logged)[0].ContextMap()
				var first []byte
				select {
				case first = <-got:
				case <-time.After(10 * time.Second):
					t.Fatal("the server got no connection: ", fields)
				}
				header, ok := strings.CutSuffix(string(first), string(hello))
				if !ok {
					t.Fatal("the server got another hello, or more than one")
				}
				expectHeaderSent(t, header, c.want)
				if fields["bytes_in"] != int64(len(hello)) {
					t.Errorf("%v bytes of the client are logged, expected %d", fields["bytes_in"], len(hello))
				}
			})
		}
	}
}

func expectHeaderSent(t *testing.T, header, want string) {
	t.Helper()
	text := strings.TrimSuffix(header, "\r\n")
	if !strings.HasPrefix(want, "PROXY") {
		text, want = hex.EncodeToString([]byte(header)), strings.ReplaceAll(want, " ", "")
	}
	if !regexp.MustCompile("^" + want + "$").MatchString(text) {
		t.Errorf("header %q, expected %s", text, want)
	}
}

func mustHex(text string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// A connection keeps its ID when another backend serves it.
func TestUniqueIDStays(t *testing.T) {
	id, err := logformat.Parse(new(sample.Loader), "%{+X}o%[uuid()]_%rt", logformat.Options{})
	if err != nil {
		t.Fatal(err)
	}
	app := newAppOf(t, map[string]string{"a": `{"servers": []}`, "b": `{"servers": []}`})
	f, _ := frontendTo(app, "a", Config{UniqueID: id, MaxHello: 65536})
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	c := newConnection(f, client{Conn: far, accepted: time.Now(), logger: f.ConnLogger})
	c.enter(app.Backends["a"])
	first := c.record.UniqueID
	c.enter(app.Backends["b"])
	c.leaveBackend()
	if len(first) < 38 || c.record.UniqueID != first {
		t.Errorf("ID %q in the first backend, %q in the second", first, c.record.UniqueID)
	}
	c.forget()
}

// A server that ends the session without an answer may not expect the header.
func TestServerThatRefusesHeader(t *testing.T) {
	hello := hellotest.Hello(t, "a.example.test")
	for name, c := range map[string]struct {
		ends func(*net.TCPConn)
		want string
	}{
		"reset":    {func(c *net.TCPConn) { _ = c.SetLinger(0) }, "it may not expect a PROXY header (send_proxy v2)"},
		"closed":   {func(*net.TCPConn) {}, "the server closed without an answer; it may not expect a PROXY header (send_proxy v2)"},
		"answered": {func(c *net.TCPConn) { _, _ = c.Write([]byte("answer")) }, ""},
	} {
		for way, serve := range ways {
			t.Run(name+"/"+way, func(t *testing.T) {
				server := programs.Listen(t, time.Minute, func(conn *net.TCPConn) {
					_, _ = io.ReadFull(conn, make([]byte, 28+len(hello)))
					c.ends(conn)
				})
				app := newAppOf(t, map[string]string{"web": `{"servers": [{"name": "s1", "address": "` + server + `", "send_proxy": "v2"}]}`})
				f, logged := frontendTo(app, "web", Config{MaxHello: 65536, InspectDelay: time.Hour})
				calls(t, f, serve, []clientDoes{sends(hello)})
				text, _ := linesOf(t, f, logged)[0].ContextMap()["error"].(string)
				if !strings.HasSuffix(text, c.want) || c.want == "" && text != "" {
					t.Errorf("error %q, expected %q", text, c.want)
				}
			})
		}
	}
}

// Clients of an address [::] are written as IPv6, and the bind's namespace goes before another.
func TestHeaderOfEntry(t *testing.T) {
	hello := hellotest.Hello(t, "a.example.test")
	for name, c := range map[string]struct {
		entry EntryConfig
		want  string
	}{
		"plain":     {EntryConfig{}, "0d0a0d0a000d0a515549540a 2111000c 7f000001 7f000001 ........"},
		"dual":      {EntryConfig{MapIPv4: true}, "0d0a0d0a000d0a515549540a 21210024 00000000000000000000ffff7f000001 00000000000000000000ffff7f000001 ........"},
		"namespace": {EntryConfig{Namespace: "blue"}, "0d0a0d0a000d0a515549540a 21110013 7f000001 7f000001 ........ 300004 626c7565"},
	} {
		for way, serve := range map[string]func(*Entry, *relay.Socket) error{
			"general": func(e *Entry, s *relay.Socket) error { go e.Serve(s, time.Now()); return nil },
			"fast":    func(e *Entry, s *relay.Socket) error { return relay.OnShard(s, e.ServeOnShard) },
		} {
			t.Run(name+"/"+way, func(t *testing.T) {
				got := make(chan string, 1)
				server := programs.Listen(t, time.Minute, func(c *net.TCPConn) {
					b, _ := io.ReadAll(c)
					got <- strings.TrimSuffix(string(b), string(hello))
				})
				app := newAppOf(t, map[string]string{"web": `{"servers": [{"name": "s1", "address": "` + server + `", "send_proxy": "v2", "proxy_v2_options": ["netns"]}]}`})
				f, _ := frontendTo(app, "web", Config{MaxHello: 65536, InspectDelay: time.Hour})
				calls(t, f, func(_ *Frontend, s *relay.Socket) error { return serve(f.Entry(c.entry), s) }, []clientDoes{sends(hello), finishes})
				select {
				case header := <-got:
					expectHeaderSent(t, header, c.want)
				case <-time.After(10 * time.Second):
					t.Fatal("the server got no connection")
				}
			})
		}
	}
}
