// SPDX-License-Identifier: Apache-2.0

package stick

import (
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// storeModules is the namespace of stores.
const storeModules = "passthrough.stick_stores"

var errNoExpire = errors.New("store_in: the table needs expire, since entries without it would stay in the store forever")

// LoadStore loads the table's store, if it has one. It must be called before Open.
func (t *Table) LoadStore(ctx caddy.Context) error {
	if len(t.StoreInRaw) == 0 {
		return nil
	}
	mod, err := ctx.LoadModule(t, "StoreInRaw")
	if err != nil {
		return fmt.Errorf("store_in: %w", err)
	}
	store, ok := mod.(Store)
	if !ok {
		return fmt.Errorf("store_in: module %T is no store of stick tables", mod)
	}
	t.store = store
	return nil
}

// namesStore reports whether the word is the name of a store, not of a value.
func namesStore(word string) bool {
	if _, isData := tables.ParseData(word); isData {
		return false
	}
	_, err := caddy.GetModule(storeModules + "." + word)
	return err == nil
}

// parseStoreIn parses the name of a store, and the rest of its line and block.
func (t *Table) parseStoreIn(d *caddyfile.Dispenser) error {
	name := d.Val()
	if len(t.StoreInRaw) > 0 {
		return d.Errf("store %s: the table has a store already", name)
	}
	store, err := caddyfile.UnmarshalModule(d, storeModules+"."+name)
	if err != nil {
		return err
	}
	t.StoreInRaw = caddyconfig.JSONModuleObject(store, "module", name, nil)
	return nil
}
