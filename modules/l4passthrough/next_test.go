// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/mholt/caddy-l4/layer4"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend/frontendtest"
)

// A handler with the action next passes connections to the next one, with the bytes that matchers
// of the route and the frontend have read.
func TestNextHandler(t *testing.T) {
	hello := hellotest.Hello(t, "a.example.test")
	for name, c := range map[string]struct{ config, sent, want string }{
		"no match":             {"on no_match next\nuse_backend web sni b.example.test", string(hello), string(hello)},
		"not TLS":              {"on not_tls next\ndefault_backend web", "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"},
		"rule":                 {"next sni a.example.test\ndefault_backend web", string(hello), string(hello)},
		"after a PROXY header": {"accept_proxy 127.0.0.0/8\non no_match next\nuse_backend web sni b.example.test", "PROXY TCP4 198.51.100.7 192.0.2.1 50676 443\r\n" + string(hello), "198.51.100.7:50676 " + string(hello)},
	} {
		for _, ahead := range []int{0, 3, len(c.sent)} {
			app, ctx := frontendtest.App(t, map[string]string{"web": `{"servers": []}`})
			h, err := parseFrontend(c.config)
			if err != nil {
				t.Fatal(err)
			}
			logged := provisioned(t, ctx, app, h)
			client, server := frontendtest.Connected(t)
			if _, err := io.WriteString(client, c.sent[ahead:]); err != nil {
				t.Fatal(err)
			}
			_ = client.(*net.TCPConn).CloseWrite()
			var got string
			err = h.Handle(layer4.WrapConnection(server, []byte(c.sent[:ahead]), zap.NewNop()), layer4.HandlerFunc(func(cx *layer4.Connection) error {
				if strings.HasPrefix(c.want, "198.") {
					got = cx.RemoteAddr().String() + " "
				}
				all, err := io.ReadAll(cx)
				got += string(all)
				return err
			}))
			if err != nil || got != c.want {
				t.Errorf("%s, %d bytes ahead: the next handler gets %q (%v), expected %q", name, ahead, got, err, c.want)
			}
			if logged.FilterMessage("session").Len() > 0 {
				t.Errorf("%s: logged %v", name, logged.All())
			}
		}
	}
}

// Nothing follows a handler that is alone in its server.
func TestNextNeedsAnotherHandler(t *testing.T) {
	only := `{"handler": "passthrough", "on": {"no_match": "next"}, "rules": [{"backend": "web", "match": [{"client_hello": {"sni": ["a.test"]}}]}]}`
	server := func(routes string) string {
		return `{"apps": {"passthrough": {"backends": {"web": {"servers": []}}}, "layer4": {"servers": {"s": {"listen": ["durable/127.0.0.1:7001"], "routes": [` + routes + `]}}}}}`
	}
	for routes, want := range map[string]string{
		`{"handle": [` + only + `]}`:                                        "action next: expected another handler or route behind it in its layer4 server",
		`{"handle": [` + only + `, {"handler": "subroute"}]}`:               "",
		`{"handle": [` + only + `]}, {"handle": [{"handler": "subroute"}]}`: "",
	} {
		config := new(caddy.Config)
		if err := caddy.StrictUnmarshalJSON([]byte(server(routes)), config); err != nil {
			t.Fatal(err)
		}
		err := caddy.Validate(config)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s:\n got %v\nwant %s", routes, err, want)
		}
	}
}
