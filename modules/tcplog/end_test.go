// SPDX-License-Identifier: Apache-2.0

package tcplog

import (
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

func TestEndNamesAndLetters(t *testing.T) {
	table := []struct {
		end           End
		letters, name string
	}{
		{Complete, "--", "complete"},
		{ClientReset, "CD", "client_reset"},
		{ServerReset, "SD", "server_reset"},
		{ClientTimeout, "cD", "client_timeout"},
		{ServerTimeout, "sD", "server_timeout"},
		{Killed, "KD", "killed"},
		{Failed, "ID", "internal_error"},
		{ClientLeft, "CR", "client_left"},
		{Refused, "PR", "refused"},
		{InspectionFailed, "IR", "internal_error"},
		{ConnectFailed, "SC", "connect_failed"},
		{ConnectTimeout, "sC", "connect_timeout"},
		{NoAddress, "SC", "no_address"},
		{NoServer, "SC", "no_server"},
		{NoResources, "RC", "no_resources"},
		{NoBackend, "SC", "no_backend"},
		{ClientTimeoutHello, "cR", "client_timeout"},
		{QueueTimeout, "sQ", "queue_timeout"},
		{QueueFull, "SQ", "queue_full"},
		{ClientLeftQueue, "CQ", "client_left"},
		{ClientLeftConnect, "CC", "client_left"},
		{ServerDown, "DC", "server_down"},
		{BackupSpare, "UC", "backup_spare"},
		{KilledHello, "KR", "killed"},
		{KilledQueue, "KQ", "killed"},
		{KilledConnect, "KC", "killed"},
		{ServerRemoved, "KD", "server_removed"},
		{Unresolved, "SC", "dns_failed"},
		{ResponseRefused, "PD", "refused"},
		{HeaderMissing, "PR", "proxy_header_missing"},
		{HeaderInvalid, "PR", "proxy_header_invalid"},
		{HeaderNotAllowed, "PR", "proxy_header_not_allowed"},
		{HeaderTimeout, "cR", "proxy_header_timeout"},
		{PassedOn, "--", "passed_on"},
		{OverLimit, "PR", "over_limit"},
	}
	for i, c := range table {
		if c.end != End(i) || c.end.Letters() != c.letters || c.end.String() != c.name {
			t.Errorf("end %d is %s %s, want %d %s %s", c.end, c.end.Letters(), c.end, i, c.letters, c.name)
		}
		if c.end.Meaning() == "" {
			t.Errorf("%s has no meaning", c.end)
		}
	}
	if len(table) != len(ends) {
		t.Errorf("%d ends are looked at, of %d", len(table), len(ends))
	}
}

func TestEndOf(t *testing.T) {
	const client, server, proxy = relay.Client, relay.Server, relay.Proxy
	for _, c := range []struct {
		cause relay.Cause
		by    relay.Side
		want  End
	}{
		{relay.Closed, client, Complete},
		{relay.Closed, server, Complete},
		{relay.Reset, client, ClientReset},
		{relay.Reset, server, ServerReset},
		{relay.Timeout, client, ClientTimeout},
		{relay.Timeout, server, ServerTimeout},
		{relay.Ended, proxy, Killed},
		{relay.Failed, proxy, Failed},
		{relay.Failed + 1, client, Failed},
	} {
		if got := EndOf(relay.Result{By: c.by, Cause: c.cause}); got != c.want {
			t.Errorf("cause %d by %v: %v (%s), want %v (%s)", c.cause, c.by, got, got.Letters(), c.want, c.want.Letters())
		}
	}
}
