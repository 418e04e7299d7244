// SPDX-License-Identifier: Apache-2.0

package lbcommand

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caddy-passthrough/caddy-passthrough/modules/certificates"
	"github.com/caddy-passthrough/caddy-passthrough/modules/lbadmin"
	"github.com/caddy-passthrough/caddy-passthrough/modules/texttable"
)

func (c *commands) certificates(cmd *cobra.Command, _ []string) error {
	return show(cmd.Context(), c, "certificates", func(all lbadmin.Certificates) error {
		t := texttable.Table{Columns: []texttable.Column{
			{Title: "NAMES"},
			{Title: "DAYS LEFT", Right: true},
			{Title: "STATE"},
			{Title: "ENDS", Rank: 2},
			{Title: "SERVERS", Rank: 1},
			{Title: "ISSUER", Rank: 3},
			{Title: "KEY", Rank: 4},
		}}
		for _, k := range all.Certificates {
			state := certificateState(k)
			t.Add(cmp.Or(texttable.Some(k.Names, " ", k.MoreNames, shownWords), k.CommonName, k.Subject), k.DaysLeft, texttable.Painted(state, certificateColour(k)),
				k.NotAfter.UTC().Format(time.DateOnly), texttable.Some(serversOf(k), " ", 0, shownWords), k.Issuer, k.Key)
		}
		if err := t.Write(texttable.NewScreen(c.out)); err != nil {
			return err
		}
		return c.conflicts(all.Conflicts)
	})
}

// conflicts prints the names of certificates that are routed elsewhere.
func (c *commands) conflicts(all []lbadmin.CertificateConflict) error {
	for _, k := range all {
		_, err := fmt.Fprintf(c.out, "\nwarning: frontend %s: the certificate of backend %s (for %s) is also valid for %s, which lead to %s:\nbrowsers may send their requests to %s over an open connection; %s\n",
			k.Frontend, k.Backend, k.Kept, texttable.Some(k.Names, " ", k.MoreNames, shownWords), cmp.Or(k.RoutedTo, "sites of Caddy"), k.Backend, certificates.ConflictAdvice)
		if err != nil {
			return err
		}
	}
	return nil
}

// certificateState returns the validity, and that a check rejects the certificate.
func certificateState(k lbadmin.Certificate) string {
	state := strings.ReplaceAll(k.Validity, "_", " ")
	if isRejected(k) {
		state += ", rejected"
	}
	return state
}

// isRejected reports whether the verification of any server's certificate fails.
func isRejected(k lbadmin.Certificate) bool {
	return slices.ContainsFunc(k.Servers, func(s lbadmin.CertificateServer) bool { return s.Problem != "" })
}

func certificateColour(k lbadmin.Certificate) texttable.Colour {
	switch {
	case isRejected(k), k.DaysLeft < 0:
		return texttable.Red
	case k.Validity != "valid":
		return texttable.Yellow
	}
	return texttable.Green
}

// serversOf returns the servers that have a certificate.
func serversOf(k lbadmin.Certificate) (all []string) {
	for _, s := range k.Servers {
		all = append(all, s.Backend+"/"+s.Server)
	}
	return all
}

// shownWords is the number of names, or of servers, in a cell.
const shownWords = 3
