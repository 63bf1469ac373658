"""Everything that knows Streamlit or Plotly: pages call these rooms, nothing below imports them."""
