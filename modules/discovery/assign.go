// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// maxWeight is the highest weight of a server.
const maxWeight = pool.MaxWeight

// Assign spreads servers over the slots of a template. A server that has a slot keeps it. Another
// one gets the slot in which it was before, or else the first free slot: one without sessions at a
// former address if there is any. A slot whose server is gone is free, too, but comes last: its
// sessions go on beside those of its next server. unused are the servers for which there is no
// slot. With duplicates, slots that remain free get the servers once more.
func Assign(slots []pool.Slot, servers []Endpoint, duplicates bool) (all []pool.Resolved, unused []Endpoint) {
	wanted := distinct(servers, duplicates)
	if duplicates && len(wanted) > 0 {
		for i := 0; len(wanted) < len(slots); i++ {
			wanted = append(wanted, wanted[i])
		}
	}
	free, newcomers := keep(slots, wanted, &all)
	for _, which := range []func(pool.Slot, Endpoint) bool{wasThere, isClean, isEmpty, anySlot} {
		newcomers = slices.DeleteFunc(newcomers, func(e Endpoint) bool {
			i := slices.IndexFunc(free, func(s pool.Slot) bool { return which(s, e) })
			if i < 0 {
				return false
			}
			all = append(all, resolved(free[i], e))
			free = slices.Delete(free, i, i+1)
			return true
		})
	}
	for _, s := range free {
		if s.Resolution != nil && s.Resolution.Address != "" {
			all = append(all, pool.Resolved{Server: s.Name, To: pool.Resolution{Weight: -1}})
		}
	}
	return all, newcomers
}

// distinct returns the servers without repeated addresses, unless those are wanted.
func distinct(servers []Endpoint, duplicates bool) (all []Endpoint) {
	seen := make(map[string]bool, len(servers))
	for _, e := range servers {
		if duplicates || !seen[e.Address] {
			all = append(all, e)
		}
		seen[e.Address] = true
	}
	return all
}

// keep leaves servers in their slots, and returns the other slots and servers.
func keep(slots []pool.Slot, wanted []Endpoint, all *[]pool.Resolved) (free []pool.Slot, newcomers []Endpoint) {
	left := make(map[string][]int, len(wanted))
	for i, e := range wanted {
		left[e.Address] = append(left[e.Address], i)
	}
	kept := make([]bool, len(wanted))
	for _, s := range slots {
		at := addressOf(s)
		these := left[at]
		if at == "" || len(these) == 0 {
			free = append(free, s)
			continue
		}
		kept[these[0]], left[at] = true, these[1:]
		*all = append(*all, resolved(s, wanted[these[0]]))
	}
	for i, e := range wanted {
		if !kept[i] {
			newcomers = append(newcomers, e)
		}
	}
	return free, newcomers
}

func resolved(s pool.Slot, e Endpoint) pool.Resolved {
	to := pool.Resolution{Address: e.Address, Weight: -1, Anew: e.Address != addressOf(s)}
	if e.Weight != nil {
		to.Weight = *e.Weight
	}
	return pool.Resolved{Server: s.Name, To: to}
}

// addressOf returns the address of a slot; "": it is empty.
func addressOf(s pool.Slot) string {
	if s.Resolution == nil {
		return ""
	}
	return s.Resolution.Address
}

// wasThere reports whether a server was in a slot before. It and the next functions say which slots
// suit a server that has no slot, from the best on.
func wasThere(s pool.Slot, e Endpoint) bool { return slices.Contains(s.Former, e.Address) }

// isClean reports whether a slot has no server, and no sessions of one.
func isClean(s pool.Slot, _ Endpoint) bool { return isEmpty(s, Endpoint{}) && len(s.Former) == 0 }

// isEmpty reports whether a slot has no server.
func isEmpty(s pool.Slot, _ Endpoint) bool { return addressOf(s) == "" }

// anySlot reports true.
func anySlot(pool.Slot, Endpoint) bool { return true }
