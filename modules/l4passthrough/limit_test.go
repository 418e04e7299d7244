// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/google/go-cmp/cmp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
)

func TestLimitInCaddyfile(t *testing.T) {
	for block, want := range map[string]string{
		"per_ip 5":                              `{"per_ip":5}`,
		"rate 20/10s":                           `{"rate":"20/10s"}`,
		"rate 20/10s per_ip":                    `{"rate":"20/10s"}`,
		"unfinished_hellos 16MiB":               `{"unfinished_hellos":16777216}`,
		"per_ip 5\nallow 10.0.0.0/8\nallow ::1": `{"per_ip":5,"allow":["10.0.0.0/8","::1"]}`,
		"per_ip 5\nallow private_ranges":        `{"per_ip":5,"allow":["private_ranges"]}`,

		"":                         "nothing is limited: expected per_ip, rate or unfinished_hellos",
		"allow 10.0.0.0/8":         "nothing is limited",
		"per_ip 0":                 "per_ip",
		"per_ip":                   "per_ip",
		"rate":                     "rate: expected a number and a period, such as rate 100/10s per_ip, at Testfile:4",
		"rate 20":                  `rate "20": expected a number and a period of at most 24h, such as 20/10s, at Testfile:4`,
		"rate 20/10s by_ip":        `rate 20/10s: expected per_ip or the end of the line, not "by_ip"`,
		"unfinished_hellos 1mb":    `"1mb": expected a number of bytes, such as 65536 or 16MiB, at Testfile:4`,
		"per_ip 5\nallow":          "allow: expected networks",
		"per_ip 5\nallow a.test":   `allow: "a.test": expected a network such as 10.0.0.0/8, an address or private_ranges`,
		"per_ip 5\nper_ip 6":       "per_ip",
		"per_ip 5\nconnections 10": `unknown option "connections"`,
	} {
		h, err := parseFrontend("default_backend web\nlimit {\n" + block + "\n}")
		if err != nil {
			if strings.HasPrefix(want, "{") || !strings.Contains(err.Error(), want) {
				t.Errorf("%q:\n got %v\nwant %s", block, err, want)
			}
			continue
		}
		if diff := cmp.Diff(want, string(caddyconfig.JSON(h.Limit, nil))); diff != "" {
			t.Errorf("%q: -want +got\n%s", block, diff)
		}
	}
}

func TestLimitMistakes(t *testing.T) {
	for config, want := range map[string]string{
		`{"per_ip": 3}`:             "",
		`{}`:                        "limit: nothing is limited",
		`{"per_ip": -1}`:            "limit: per_ip -1: expected a whole number, zero or more",
		`{"unfinished_hellos": -1}`: "limit: unfinished_hellos -1: expected a number of bytes, zero or more",
		`{"rate": "x"}`:             `limit: rate "x": expected a number and a period`,
		`{"per_ip": 1, "allow": ["10.0.0.1/33"]}`: `limit: allow: "10.0.0.1/33": expected a network`,
	} {
		l := new(Limit)
		if err := json.Unmarshal([]byte(config), l); err != nil {
			t.Fatal(err)
		}
		_, err := l.compile(nil)
		if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s:\n got %v\nwant %s", config, err, want)
		}
	}
	l, err := (&Limit{PerIP: 2, Rate: "5/1m", Allow: []string{"10.1.2.3/8", "::ffff:10.1.0.0/112", "::ffff:192.0.2.1", "::/0"}}).compile([]*rules.Rule{{Action: "close"}, {Action: "expect_proxy"}})
	if err != nil || !l.Late || l.Conns != 2 || l.Rate != 5 || l.Period != time.Minute || fmt.Sprint(l.Allow) != "[10.0.0.0/8 10.1.0.0/16 192.0.2.1/32 ::/0]" {
		t.Errorf("%+v, %v", l, err)
	}
	if l, err := (*Limit)(nil).compile(nil); l != nil || err != nil {
		t.Errorf("without a limit: %v, %v", l, err)
	}
}

// Limits that leave clients in the kernel's queue need durable addresses.
func TestLimitsNeedDurableAddresses(t *testing.T) {
	for config, want := range map[string]string{
		`{"maxconn": 5}`:              "maxconn 5: expected durable addresses with it, such as durable/:443, and not tcp/:443: only their sockets leave clients in the kernel's queue",
		`{"rate_limit_sessions": 7}`:  "rate_limit_sessions 7: expected durable addresses",
		`{"rate_limit_sessions": -1}`: "",
		`{"limit": {"per_ip": 1}}`:    "",
	} {
		h := parsed(t, config)
		err := h.validateDurable([]string{"tcp/:443"})
		if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", config, err, want)
		}
		if err := h.validateDurable(nil); err != nil {
			t.Errorf("%s at durable addresses: %v", config, err)
		}
	}
	for _, c := range []struct {
		bind Bind
		want string
	}{
		{Bind{Address: ":443", MaxConn: 5}, ""},
		{Bind{Address: "tcp/:443", MaxConn: 5}, "maxconn 5: it is for durable addresses: expected none with address \"tcp/:443\", or durable/ in place of its network"},
		{Bind{Address: ":443", MaxConn: -1}, "maxconn -1: expected a whole number from 1"},
	} {
		if err := c.bind.provision(); (err == nil) != (c.want == "") || err != nil && err.Error() != c.want {
			t.Errorf("%+v: %v, want %s", c.bind, err, c.want)
		}
	}
	if err := parsed(t, `{"rate_limit_sessions": -1}`).validateLimits(); err == nil {
		t.Error("a negative rate was accepted")
	}
}
