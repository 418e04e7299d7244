// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"strings"
	"testing"
)

func TestRelativePorts(t *testing.T) {
	for _, c := range []struct {
		address string
		port    int
		want    string // or part of the error
	}{
		{"10.0.0.1:443", 0, "10.0.0.1:443"},
		{"10.0.0.1:+0", 8443, "10.0.0.1:8443"},
		{"10.0.0.1:+1000", 443, "10.0.0.1:1443"},
		{"[::1]:-400", 443, "[::1]:43"},
		{"web.test:+65000", 535, "web.test:65535"},
		{"web.test:+65000", 536, "port 65536 is out of range for this connection"},
		{"web.test:-443", 443, "port 0 is out of range for this connection"},
		{"web.test:+10", 0, "the client's connection has no port"},
	} {
		if err := validateAddress(c.address); err != nil {
			t.Errorf("%s: %v", c.address, err)
		}
		got, err := FillPort(c.address, c.port)
		if err != nil {
			got = err.Error()
		}
		if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
			t.Errorf("%s for a client of port %d: %s, want %s", c.address, c.port, got, c.want)
		}
		if HasRelativePort("tcp4/"+c.address) != (c.address != "10.0.0.1:443") {
			t.Errorf("%s: HasRelativePort is wrong", c.address)
		}
	}
	for _, address := range []string{"10.0.0.1:+", "10.0.0.1:+65536", "10.0.0.1:-x", ":+1", "unix//run/a:+1", "10.0.0.1:++1"} {
		if err := validateAddress(address); err == nil && HasRelativePort(address) {
			t.Errorf("%s is accepted", address)
		}
	}
}

// A check of a server with a relative port needs its own port.
func TestCheckOfARelativePort(t *testing.T) {
	for config, want := range map[string]string{
		`{"check": {}}`:                         "server 1 \"s1\": it has a check, and the port of address \"10.0.0.1:+0\" is relative",
		`{"check": {"port": 80}}`:               "",
		`{"check": {"address": "10.0.0.2"}}`:    "is relative",
		`{"check": {"address": "10.0.0.2:80"}}`: "",
		`{"check": {"address": "10.0.0.2:+0"}}`: "expected a port from 1 to 65535",
		`{"agent": {"port": 90}}`:               "",
	} {
		err := backend(t, `{"servers": [{"name": "s1", "address": "10.0.0.1:+0"}], `+config[1:]).Provision(newContext(t), "b")
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", config, err, want)
		}
	}
}
