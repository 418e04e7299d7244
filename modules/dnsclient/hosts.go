// SPDX-License-Identifier: Apache-2.0

package dnsclient

import (
	"bufio"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

// maxHostsFile is the number of bytes of the file that are read.
const maxHostsFile = 1 << 20

// inHosts returns the addresses of a host in a file such as /etc/hosts, of one family. The file is
// read each time: it is small, and it may change.
func inHosts(file, host string, family resolve.Family) (all []netip.Addr) {
	f, err := os.Open(file) //nolint:gosec // the configuration names it
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(io.LimitReader(f, maxHostsFile)); lines.Scan(); {
		text, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(text)
		if len(words) == 0 || !slices.ContainsFunc(words[1:], func(w string) bool { return strings.EqualFold(w, host) }) {
			continue
		}
		ip, err := netip.ParseAddr(words[0])
		if err == nil && ip.Is4() == (family == resolve.IPv4) && len(all) < maxRecords {
			all = append(all, ip)
		}
	}
	return all
}
