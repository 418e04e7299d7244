// SPDX-License-Identifier: Apache-2.0

package lbcommand

import (
	"maps"
	"net/url"
	"slices"

	"github.com/spf13/cobra"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lbadmin"
)

func backendPath(name string) string { return "backends/" + url.PathEscape(name) }

// completeServers completes BACKEND/SERVER by the names of the running process.
func (c *commands) completeServers(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	all, _ := get[lbadmin.Backends](cmd.Context(), &c.endpoint, "backends")
	for _, backend := range slices.Sorted(maps.Keys(all)) {
		for _, server := range slices.Sorted(maps.Keys(all[backend].Servers)) {
			names = append(names, backend+"/"+server)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeSet completes the arguments of set.
func (c *commands) completeSet(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 1 {
		return slices.Sorted(maps.Keys(settings)), cobra.ShellCompDirectiveNoFileComp
	}
	return c.completeServers(cmd, args, word)
}

// completeBackends completes up BACKEND.
func (c *commands) completeBackends(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	switch len(args) {
	case 0:
		return []string{"up"}, cobra.ShellCompDirectiveNoFileComp
	case 1:
		all, _ := get[lbadmin.Backends](cmd.Context(), &c.endpoint, "backends")
		return slices.Sorted(maps.Keys(all)), cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}
