"""Pixels that Earth Engine computes once, in batch exports, and that tiles are then made from.

`pieces` says what each export computes, `places` where its result is kept (`asset_folder`,
`bucket`, `drive`), `bringing` starts what is not there and waits, `files` reads what came back.
"""
