"""What `streamlit run` runs. It may not import relatively; everything else of the UI does."""

from calango import bundled

bundled.module("ui", "main").main()
