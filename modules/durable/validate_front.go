// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"fmt"
	"slices"
	"strings"
)

// passesOnTo reports whether u is a frontend that passes connections on to the http server v, which
// is at the same address.
func (u use) passesOnTo(v use) bool {
	return u.PassesOn && v.http && v.durable && !u.shared && !v.shared && u.same(v) && u.four() == v.four() && u.six() == v.six()
}

// firstWithoutReceiver returns an error for a frontend that passes connections on, at a port where
// no http server of the configuration gets them.
func firstWithoutReceiver(uses []use) error {
	for _, u := range uses {
		if !u.PassesOn {
			continue
		}
		for port := u.first; port <= u.last; port++ {
			if !slices.ContainsFunc(uses, func(v use) bool { return v.first <= port && port <= v.last && u.passesOnTo(v) }) {
				return u.withoutReceiver(port)
			}
		}
	}
	return nil
}

// withoutReceiver returns the error of firstWithoutReceiver.
func (u use) withoutReceiver(port uint) error {
	network, rest, _ := strings.Cut(u.Address, "/")
	if u.shared || u.Interface != "" || u.Namespace != "" {
		return fmt.Errorf("%s listens on %s and has the action next: no http server can have that address: expected %s/%s alone",
			u.by, u, strings.TrimSuffix(network, sharedSuffix), rest)
	}
	bind, at := rest, ""
	if u.isIP() {
		bind, at = rest[:strings.LastIndex(rest, ":")], fmt.Sprintf(" for port %d", port)
	}
	return fmt.Errorf("%s listens on %s and has the action next, but no http server listens there: expected a site%s with: bind %s/%s", u.by, u, at, network, bind)
}
