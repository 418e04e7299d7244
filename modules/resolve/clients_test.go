// SPDX-License-Identifier: Apache-2.0

package resolve

import "testing"

// Names of clients have a resolver of their own, with the source of the one that they are for.
func TestForClients(t *testing.T) {
	if Servers.ForClients() != Clients || (*Resolver)(nil).ForClients() != Clients {
		t.Error("the system's resolver has another one for clients")
	}
	r := &Resolver{Source: System{}}
	c := r.ForClients()
	if c == r || c == Clients || c != r.ForClients() || c.Source != r.Source || c.Names != Clients.Names || c.Lookups != Clients.Lookups {
		t.Errorf("%+v", c)
	}
}
