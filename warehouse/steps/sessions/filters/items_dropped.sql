-- The items with too few clicks left.
SELECT item_id FROM counted_items WHERE events < {min_support}
