"""What is fitted to the samples: members, selection, fusion, and the pipeline that joins them."""
