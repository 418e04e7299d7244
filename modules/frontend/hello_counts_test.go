// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tally"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

func TestVersions(t *testing.T) {
	var v, sum Versions
	for _, version := range []uint16{0, 0x0300, 0x0301, 0x0302, 0x0303, 0x0304, 0x0304, 0x0305, 0x7f1c} {
		v.count(version)
	}
	sum.add(&v)
	if sum != (Versions{1, 1, 1, 1, 2, 2}) {
		t.Errorf("%v", sum)
	}
	for i, name := range VersionNames[:versionCount-1] {
		if want := clienthello.VersionName(0x0300 + uint16(i)); name != want {
			t.Errorf("place %d is %s, want %s", i, name, want)
		}
	}
}

// The names of connections count with their bytes, their failures, and whether a backend was found.
func TestCountNames(t *testing.T) { // not parallel: the names are the process's
	ServerNames.Limit(100)
	defer ServerNames.Limit(0)
	name := unused("names.example")
	for _, e := range []*ending{
		{end: tcplog.Complete},
		{end: tcplog.ConnectFailed},
		{end: tcplog.NoBackend, refusal: Refusal{Reason: "no_match"}},
		{end: tcplog.Refused, refusal: Refusal{Reason: "content", Rule: 2}},
	} {
		e.count(&tcplog.Record{ServerName: name, Outcome: clienthello.Found, In: 100, Out: 1000}, nil, new(endCounts))
	}
	countOf := func(top *tally.Top) uint64 {
		for _, c := range top.Highest(1000) {
			if c.Name == name {
				return c.Count
			}
		}
		return 0
	}
	if all, _ := ServerNames.All(); all[name] != 4 || countOf(&NameBytes) != 4400 || countOf(&NameFailures) != 3 || countOf(&UnknownNames) != 1 {
		t.Errorf("%d connections, %d bytes, %d failures, %d unknown", all[name], countOf(&NameBytes), countOf(&NameFailures), countOf(&UnknownNames))
	}
}
