// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"net/netip"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/proxyprotocol"
)

// The placeholders that configurations may use are those that a header provides.
func TestHeaderPlaceholdersAreKnown(t *testing.T) {
	w := proxyprotocol.BeginV2(nil, netip.MustParseAddrPort("198.51.100.7:50676"), netip.MustParseAddrPort("192.0.2.1:443"))
	for of, value := range map[byte]string{proxyprotocol.ALPN: "h2", proxyprotocol.Authority: "a.example", proxyprotocol.UniqueID: "7", 0xea: "x"} {
		w.TLV(of, []byte(value))
	}
	h, _, err := new(proxyprotocol.Reader).Read(w.End())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"alpn": "h2", "authority": "a.example", "unique_id": "7", "version": 2, "peer": "10.0.0.9:1"}
	for _, name := range options.HeaderPlaceholders {
		if got, known := headerPlaceholder(h, "10.0.0.9:1", name); !known || got != want[name] {
			t.Errorf("{%s%s} is %v, %v, want %v", headerPlaceholders, name, got, known, want[name])
		}
	}
	for name, want := range map[string]string{"tlv.0xEA": "x", "tlv.234": "x", "tlv.2": "a.example", "tlv.0x77": ""} {
		if got, known := headerPlaceholder(h, "", name); !known || got != want {
			t.Errorf("{%s%s} is %v, %v, want %q", headerPlaceholders, name, got, known, want)
		}
	}
	for _, name := range []string{"tlv", "tlv.", "tlv.256", "tlv.x", "port", ""} {
		if got, known := headerPlaceholder(h, "", name); known {
			t.Errorf("{%s%s} is %v", headerPlaceholders, name, got)
		}
	}
}
