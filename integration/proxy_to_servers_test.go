// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"cmp"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// headersOut are words of a server, and the header that it gets from a client at SOURCE that
// connected to DESTINATION, with the server name www.example.test and ALPN h2.
var headersOut = map[string]struct{ words, want string }{
	"v1":        {"send_proxy v1", "v1 SOURCE DESTINATION"},
	"v2":        {"send_proxy v2", "v2 SOURCE DESTINATION"},
	"authority": {"send_proxy v2 proxy_v2_options authority", "v2 SOURCE DESTINATION 0x02=AUTHORITY"},
	"all": {
		"send_proxy v2 proxy_v2_options authority,alpn,unique_id,netns,ssl,crc32c",
		"v2 SOURCE DESTINATION checksum 0x01=h2 0x02=AUTHORITY 0x05=id-FROM 0x20=0000000000",
	},
	"custom": {
		"{\n send_proxy v2\n proxy_v2_options crc32c\n proxy_v2_tlv 0xE0 {l4.client_hello.sni}\n proxy_v2_tlv 0xE1 format %[src]\n proxy_v2_tlv 0xE2 x\n }",
		"v2 SOURCE DESTINATION 0xe0=www.example.test 0xe1=FROM 0xe2=x checksum",
	},
}

// outgoing is a process with frontends of each form before servers with headers.
type outgoing struct {
	*process
	names []string          // form and words
	at    map[string]string // address by name
}

// startOutgoing runs frontends of each form for each of headersOut. They take headers, too, from
// sources that send one.
func startOutgoing(t *testing.T, server string) *outgoing {
	t.Helper()
	o := &outgoing{at: make(map[string]string)}
	var frontends, layer4, backends strings.Builder
	const options = "inspect_delay 10m\n unique_id id-%[src]\n accept_proxy optional 127.0.0.0/8\n default_backend"
	for words, out := range headersOut {
		fmt.Fprintf(&backends, "backend %s {\n server s1 %s %s\n }\n", words, server, out.words)
		for _, form := range []string{"app", "goroutines", "layer4"} {
			name := form + "." + words
			o.at[name], o.names = freeAddress(t), append(o.names, name)
			switch form {
			case "layer4":
				fmt.Fprintf(&layer4, "durable/%s {\n route {\n passthrough {\n name %s\n %s %s\n }\n }\n }\n", o.at[name], name, options, words)
			case "app":
				fmt.Fprintf(&frontends, "frontend %s {\n bind %s\n %s %s\n }\n", name, o.at[name], options, words)
			default:
				fmt.Fprintf(&frontends, "frontend %s {\n bind tcp/%s\n %s %s\n }\n", name, o.at[name], options, words)
			}
		}
	}
	slices.Sort(o.names)
	o.process = start(t, fmt.Sprintf("passthrough {\n%s%s}\nlayer4 {\n%s}", &frontends, &backends, &layer4), "")
	return o
}

// check sends a hello behind each header, and none, to each frontend, and expects the server to get
// the header of headersOut with the client's addresses, and then the hello.
func (o *outgoing) check(t *testing.T) {
	t.Helper()
	type visit struct {
		name string
		face int // -1: no header
	}
	var visits []visit
	for _, name := range o.names {
		for face := -1; face < len(headerFaces); face++ {
			visits = append(visits, visit{name, face})
		}
	}
	hello := append(hellotest.Hello(t, "www.example.test", "h2", "http/1.1"), "early data"...)
	talks := make([]talk, len(visits))
	together(len(visits), func(i int) {
		var header []byte
		if visits[i].face >= 0 {
			header = headerFaces[visits[i].face].header
		}
		talks[i] = speak(o.at[visits[i].name], slices.Concat(header, hello), 4001, true)
	})
	lines := o.byPeer(t, len(visits))
	for i, v := range visits {
		client, local, authority, face := talks[i].from(), o.at[v.name], "www.example.test", "no header"
		if v.face >= 0 {
			f := headerFaces[v.face]
			client, local, face = cmp.Or(f.client, client), cmp.Or(f.local, local), f.name
			authority = cmp.Or(f.authority, authority)
		}
		host, _, _ := net.SplitHostPort(client)
		_, words, _ := strings.Cut(v.name, ".")
		want := strings.NewReplacer("SOURCE", client, "DESTINATION", local, "AUTHORITY", authority, "FROM", host).Replace(headersOut[words].want)
		if got, rest := talks[i].described(); got != want || !bytes.Equal(rest, hello) {
			t.Errorf("%s, %s:\n got %s\nwant %s\nthen %d bytes of %d (%v)", v.name, face, got, want, len(rest), len(hello), talks[i].err)
		}
		if l := lines[talks[i].from()]; l.Client != client || int(l.In) != len(hello) || l.Termination != "--" || l.UniqueID != "id-"+host {
			t.Errorf("%s, %s: log line %+v", v.name, face, l)
		}
	}
}

// TestHeadersToUnixSockets sends them to servers at Unix sockets and at abstract ones, from clients
// of TCP and of a Unix socket, which has no address.
func TestHeadersToUnixSockets(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "pp-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	named, abstract, own := filepath.Join(dir, "server"), fmt.Sprintf("@pp-%d-%s", os.Getpid(), filepath.Base(dir)), filepath.Join(dir, "own")
	unixListener(t, named, describeAndEcho)
	unixListener(t, abstract, describeAndEcho)
	address := freeAddress(t)
	var backends strings.Builder
	names := []string{"named1", "named2", "abstract1", "abstract2"}
	for _, name := range names {
		at := map[bool]string{true: named, false: abstract}[name[0] == 'n']
		fmt.Fprintf(&backends, "backend %s.example.test {\n server s1 unix/%s send_proxy v%c\n }\n", name, at, name[len(name)-1])
	}
	p := start(t, fmt.Sprintf("passthrough {\nfrontend tls {\n bind %s unix/%s\n use_backend {l4.client_hello.sni}\n }\n%s}", address, own, &backends), "")
	n := 0
	for _, name := range names {
		hello := hellotest.Hello(t, name+".example.test")
		for _, network := range []string{"tcp", "unix"} {
			to := map[string]string{"tcp": address, "unix": own}[network]
			c, err := net.Dial(network, to)
			if err != nil {
				t.Fatal(err)
			}
			_ = c.SetDeadline(time.Now().Add(patience))
			_, _ = c.Write(hello)
			_ = c.(interface{ CloseWrite() error }).CloseWrite()
			got := talk{}
			answer := new(bytes.Buffer)
			_, got.err = answer.ReadFrom(c)
			got.answer = answer.Bytes()
			want := fmt.Sprintf("v%c %s %s", name[len(name)-1], c.LocalAddr(), c.RemoteAddr())
			if network == "unix" {
				// The reader has no other word for UNKNOWN.
				want = map[byte]string{'1': "v1 local", '2': "v2 local"}[name[len(name)-1]]
			}
			c.Close()
			n++
			if header, rest := got.described(); header != want || !bytes.Equal(rest, hello) {
				t.Errorf("%s over %s: got %q and %d bytes (%v), want %q", name, network, header, len(rest), got.err, want)
			}
		}
	}
	p.sessions(t, n)
}
