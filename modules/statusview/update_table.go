// SPDX-License-Identifier: Apache-2.0

package statusview

// tableChanges returns the changes of a table. A table without columns has no rows that are known.
func tableChanges(from, to *Table) (u TableUpdate, changed bool) {
	u.Total = to.Total
	if from.Columns == nil || !sameKeys(from.Rows, to.Rows) {
		u.Order = make([]string, len(to.Rows))
		for i := range to.Rows {
			u.Order[i] = to.Rows[i].Key
		}
	}
	known := rowFinder(from.Rows, u.Order == nil)
	for i := range to.Rows {
		if r, differs := rowChanges(known(i, to.Rows[i].Key), &to.Rows[i]); differs {
			u.Rows = append(u.Rows, r)
		}
	}
	return u, u.Order != nil || u.Rows != nil || from.Total != to.Total
}

func sameKeys(a, b []Row) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Key != b[i].Key {
			return false
		}
	}
	return true
}

// rowFinder returns a function that finds the row with a key: at its index, if no row has moved.
func rowFinder(rows []Row, inPlace bool) func(i int, key string) *Row {
	if inPlace {
		return func(i int, _ string) *Row { return &rows[i] }
	}
	byKey := make(map[string]*Row, len(rows))
	for i := range rows {
		byKey[rows[i].Key] = &rows[i]
	}
	return func(_ int, key string) *Row { return byKey[key] }
}

// rowChanges returns the changes of a row; from is nil for a new one.
func rowChanges(from, to *Row) (u RowUpdate, changed bool) {
	u = RowUpdate{Key: to.Key, Class: to.Class, Target: to.Target}
	changed = from == nil || from.Class != to.Class || from.Target != to.Target || len(from.Cells) != len(to.Cells)
	whole := from == nil || len(from.Cells) != len(to.Cells)
	for i := range to.Cells {
		if whole || !from.Cells[i].Equal(&to.Cells[i]) {
			if u.Cells == nil {
				u.Cells = make(map[int]Cell)
			}
			u.Cells[i] = to.Cells[i]
			changed = true
		}
	}
	return u, changed
}
