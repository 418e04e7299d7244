// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// statsRule is a line of stats http-request, or of stats admin.
type statsRule struct {
	haproxyfile.Pos
	action string // allow, deny, auth or admin
	realm  string // of auth
	*condition

	// list and users are those of a condition about accounts. It replaces the other condition.
	members *members
	users   []account
}

// members is http_auth(LIST), or http_auth_group(LIST) with names of groups: a criterion about the
// user that a request has authenticated as.
type members struct {
	list   string
	groups []string
}

// errMembers is the error about a condition with such a criterion that cannot be translated.
var errMembers = errors.New("'http_auth' and 'http_auth_group' are available as the only ACL of the condition of 'stats http-request auth unless' and of 'stats admin if'")

// parseMembers returns the criterion about accounts that words are, or nil for another one.
func parseMembers(words []string) *members {
	name := fetchName(words[0])
	list, closed := strings.CutSuffix(strings.TrimPrefix(words[0], name+"("), ")")
	if name != "http_auth" && name != "http_auth_group" || !closed {
		return nil
	}
	m := &members{list: list}
	if name == "http_auth_group" {
		m.groups = words[1:]
	}
	return m
}

// membersOf returns the criterion about accounts that a condition consists of, and whether the
// condition holds for members. It returns nil for a condition without such a criterion.
func (c *condition) membersOf() (m *members, holds bool, err error) {
	if c == nil {
		return nil, false, nil
	}
	terms := slices.Concat(c.groups...)
	i := slices.IndexFunc(terms, func(one term) bool { return one.acl.members != nil })
	switch {
	case i < 0:
		return nil, false, nil
	case len(terms) > 1 || len(terms[0].acl.criteria) > 0:
		return nil, false, errMembers
	}
	return terms[0].acl.members, c.unless == terms[0].not, nil
}

// statsAdmin reads "stats admin if|unless CONDITION".
func statsAdmin(t *translation, p *proxy, s statement) {
	page := p.pageOf(s)
	if !haproxyfile.BeginsCondition(s.arg(0)) {
		t.errorf(s.Pos, "'stats admin' requires either 'if' or 'unless' followed by a condition, in %s", p)
		return
	}
	r := &statsRule{Pos: s.Pos, action: "admin"}
	if err := t.readStatsCondition(p, s, r, s.args); err != nil {
		t.errorf(s.Pos, "error detected while parsing a 'stats admin' rule : %v, in %s", err, p)
		return
	}
	page.admin = append(page.admin, r)
}

// statsHTTPRequest reads "stats http-request allow|deny|auth [realm TEXT] [if|unless CONDITION]".
func statsHTTPRequest(t *translation, p *proxy, s statement) {
	page := p.pageOf(s)
	words, after := haproxyfile.CutCondition(s.args)
	r := &statsRule{Pos: s.Pos, realm: defaultRealm}
	err := r.readAction(words)
	if err == nil {
		err = t.readStatsCondition(p, s, r, after)
	}
	if err != nil {
		t.errorf(s.Pos, "error detected in %s while parsing 'stats http-request' rule : %v", p, err)
		return
	}
	page.rules = append(page.rules, r)
}

// readAction reads the action, with its realm.
func (r *statsRule) readAction(words []string) error {
	if len(words) == 0 || !slices.Contains([]string{"allow", "deny", "auth"}, words[0]) {
		return fmt.Errorf("expected allow, deny or auth, and got '%s'", strings.Join(words, " "))
	}
	r.action = words[0]
	switch {
	case len(words) == 1:
		return nil
	case r.action != "auth" || words[1] != "realm":
		return fmt.Errorf("unexpected '%s' after '%s'", words[1], words[0])
	case len(words) != 3:
		return errors.New("missing realm value")
	}
	r.realm = words[2]
	return nil
}

// readStatsCondition reads the condition of a rule.
func (t *translation) readStatsCondition(p *proxy, s statement, r *statsRule, words []string) error {
	c, err := t.conditionOfStats(p, s, words)
	if err != nil {
		return err
	}
	m, holds, err := c.membersOf()
	switch {
	case err != nil:
		return err
	case m == nil:
		r.condition = c
	case r.action == "admin" && holds, r.action == "auth" && !holds:
		r.members = m
	default:
		return errMembers
	}
	return nil
}

// validateStatsRules looks up the accounts of the rules, now that all sections have been read.
func (t *translation) validateStatsRules(p *proxy, page *statsPage) {
	var asked string // the list that clients authenticate with
	for _, r := range slices.Concat(page.rules, page.admin) {
		if r.members == nil {
			continue
		}
		list := t.userlists[r.members.list]
		switch {
		case list == nil:
			t.errorf(r.Pos, "unable to find userlist '%s' referenced in arg 1 of ACL keyword 'http_auth' in %s%s", r.members.list, p, didYouMean(r.members.list, slices.Collect(maps.Keys(t.userlists))))
			continue
		case r.action == "auth":
			asked = r.members.list
		case asked != r.members.list:
			t.errorf(r.Pos, "'stats admin' in %s is for users of '%s': expected 'stats http-request auth unless { http_auth(%s) }' as well", p, r.members.list, r.members.list)
		}
		r.users = list.of(r.members.groups)
	}
}
