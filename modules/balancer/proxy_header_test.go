// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/google/go-cmp/cmp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

func TestProxyHeaderMistakes(t *testing.T) {
	for header, want := range map[string]string{
		`{}`:                   "",
		`{"send_proxy": "v1"}`: "",
		`{"send_proxy": "v2", "proxy_v2_options": ["authority", "alpn", "unique_id", "netns", "ssl", "crc32c"], "proxy_v2_tlvs": [{"type": 0}, {"type": 255, "format": "%[src]"}]}`: "",
		`{"send_proxy": "v3"}`:                                                              `send_proxy: unknown word "v3"; did you mean "v1"?`,
		`{"send_proxy": "v1", "proxy_v2_options": ["ssl"]}`:                                 "expected send_proxy v2 with them",
		`{"proxy_v2_tlvs": [{"type": 1}]}`:                                                  "expected send_proxy v2 with them",
		`{"send_proxy": "v2", "proxy_v2_options": ["unique-id"]}`:                           `proxy_v2_options: unknown word "unique-id"; did you mean "unique_id"?`,
		`{"send_proxy": "v2", "proxy_v2_tlvs": [null]}`:                                     "TLV 1: expected an object with type",
		`{"send_proxy": "v2", "proxy_v2_tlvs": [{"type": 256}]}`:                            "TLV 1: type 256: expected a number from 0 to 255",
		`{"send_proxy": "v2", "proxy_v2_tlvs": [{"type": 3}]}`:                              "TLV 1: type 3 is the checksum: expected the option crc32c instead",
		`{"send_proxy": "v2", "proxy_v2_tlvs": [{"type": 2, "value": "a", "format": "b"}]}`: "TLV 1: it has a value and a format",
		`{"send_proxy": "v2", "proxy_v2_tlvs": [{"type": 2, "format": "%[none]"}]}`:         `TLV 1: format "%[none]": `,
	} {
		var h ProxyHeader
		if err := json.Unmarshal([]byte(header), &h); err != nil {
			t.Fatal(err)
		}
		if err := h.validate(); (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n got %v\nwant %s", header, err, want)
		}
	}
}

func TestProxyHeaderInCaddyfile(t *testing.T) {
	for line, want := range map[string]string{
		"send_proxy v1": `{"send_proxy":"v1"}`,
		"send_proxy v2 proxy_v2_options authority,crc32c":                          `{"send_proxy":"v2","proxy_v2_options":["authority","crc32c"]}`,
		"send_proxy v2 proxy_v2_tlv 0xE0 x proxy_v2_tlv 2 format %[var(sess.sni)]": `{"send_proxy":"v2","proxy_v2_tlvs":[{"type":224,"value":"x"},{"type":2,"format":"%[var(sess.sni)]"}]}`,
		"send_proxy v2 proxy_v2_tlv 2 format %[src,map(/nowhere)]":                 `{"send_proxy":"v2","proxy_v2_tlvs":[{"type":2,"format":"%[src,map(/nowhere)]"}]}`,
		"send_proxy v4":                          `! send_proxy: unknown word "v4"`,
		"send_proxy v2 proxy_v2_options ssl,":    "! proxy_v2_options: expected words with a comma between them",
		"send_proxy v2 proxy_v2_options sll":     `! proxy_v2_options: unknown word "sll"; did you mean "ssl"?`,
		"send_proxy v2 proxy_v2_tlv authority x": `! proxy_v2_tlv: type "authority": expected a number from 0 to 255`,
		"send_proxy v2 proxy_v2_tlv 2":           "! proxy_v2_tlv 2: expected a value",
		"proxy_v2_options ssl":                   "! expected send_proxy v2 with them",
	} {
		b := new(Backend)
		d := caddyfile.NewTestDispenser("web {\nserver s1 10.0.0.1:443 " + line + "\n}")
		d.Next()
		err := b.Options().ParseBlock(d)
		why, wrong := strings.CutPrefix(want, "! ")
		switch {
		case wrong != (err != nil) || err != nil && !strings.Contains(err.Error(), why):
			t.Errorf("%s:\n got %v\nwant %s", line, err, want)
		case err == nil:
			got, _ := json.Marshal(b.Servers[0].ProxyHeader)
			if d := cmp.Diff(want, string(got)); d != "" {
				t.Errorf("%s (-want +got):\n%s", line, d)
			}
		}
	}
}

// A server without send_proxy has its backend's, and so has its check, unless that has another
// address.
func TestWhichProxyHeader(t *testing.T) {
	b := &Backend{ProxyHeader: ProxyHeader{SendProxy: "v2"}, Servers: []*Server{
		{Name: "a"}, {Name: "b", ProxyHeader: ProxyHeader{SendProxy: "v1"}}, {Name: "c", ProxyHeader: ProxyHeader{SendProxy: "off"}},
	}}
	if err := b.provisionHeaders(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]int{"a": 2, "b": 1}, b.Headers()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for _, c := range []struct {
		server int
		check  Check
		want   int
	}{
		{0, Check{}, 2},
		{1, Check{}, 1},
		{2, Check{}, 0},
		{0, Check{SendProxy: "off"}, 0},
		{0, Check{SendProxy: "v1"}, 1},
		{2, Check{SendProxy: "v2"}, 2},
		{0, Check{Port: 80}, 0},
		{0, Check{Address: "10.0.0.9"}, 0},
		{0, Check{Port: 80, SendProxy: "v2"}, 2},
	} {
		if got := headerOfCheck(&c.check, b.HeaderOf(b.Servers[c.server].Name)); got != c.want {
			t.Errorf("check %+v of server %s sends version %d, expected %d", c.check, b.Servers[c.server].Name, got, c.want)
		}
	}
}

// The files of a TLV's format are read when the backend is provisioned, not while its Caddyfile is
// adapted, which may be on another system.
func TestFilesOfProxyTLVs(t *testing.T) {
	names := filepath.Join(t.TempDir(), "names.map")
	b := &Backend{Servers: []*Server{{Name: "s1", Address: "10.0.0.1:443", ProxyHeader: ProxyHeader{
		SendProxy: "v2", ProxyV2TLVs: []*ProxyTLV{{Type: 0xe0, Format: "%[src,map_ip(" + names + ")]"}},
	}}}}
	if err := b.Servers[0].ProxyHeader.validate(); err != nil {
		t.Fatal(err)
	}
	if err := b.provisionHeaders(caddy.Context{}); err == nil || !strings.Contains(err.Error(), `server "s1": proxy_v2_tlvs: TLV 1: format`) {
		t.Errorf("without the file: %v", err)
	}
	if err := os.WriteFile(names, []byte("198.51.100.0/24 home\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.provisionHeaders(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	v := &rules.View{Input: sample.Input{Source: netip.MustParseAddrPort("198.51.100.7:1")}}
	if got := b.HeaderOf("s1").ProxyV2TLVs[0].Text(v); got != "home" {
		t.Errorf("the TLV is %q", got)
	}
}
